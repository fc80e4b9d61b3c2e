"""Constant factors that kernels have absorbed: training must not notice them."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course.quantization import quantize_aware, strip
from keras_cv_course.tflite import TFLiteModel, convert

SHAPE = (6, 6, 3)


def behind_rescaling():
    image = keras.Input(SHAPE, name="image")
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 3, use_bias=False, name="conv")(x)
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization(name="bn")(x))
    return keras.Model(image, layers.Dense(4, name="scores")(x))


def behind_hard_swish():
    image = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(8, 3, activation="hard_silu", name="stem")(image)
    x = layers.DepthwiseConv2D(3, activation="hard_silu", name="conv")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(4, name="scores")(x))


def behind_normalization():
    """Each channel has a factor of its own."""
    image = keras.Input(SHAPE, name="image")
    x = layers.Normalization(mean=[90, 120, 140], variance=[300, 900, 2500])(image)
    x = layers.Conv2DTranspose(8, 3, name="conv")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(4, name="scores")(x))


NETWORKS = {f.__name__: f for f in (behind_rescaling, behind_hard_swish, behind_normalization)}


@pytest.fixture(params=NETWORKS)
def model(request):
    keras.utils.set_random_seed(0)
    return NETWORKS[request.param]()


@pytest.fixture
def images(rng):
    return rng.uniform(0, 255, (64, *SHAPE)).astype(np.float32)


def kernels(model):
    return [layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")]


def moved(model, images, labels):
    """How far a few steps of an optimizer move each kernel."""
    before = kernels(model)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1e-3), loss)
    model.fit(images, labels, batch_size=64, epochs=2, verbose=0, shuffle=False)
    return [now - then for now, then in zip(kernels(model), before, strict=True)]


def test_kernels_are_those_of_the_float_model(model, images):
    aware = quantize_aware(model, images)
    for actual, expected in zip(kernels(aware), kernels(model), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_an_optimizer_moves_kernels_as_in_the_float_model(model, images, rng):
    labels = rng.integers(0, 4, len(images))
    aware = quantize_aware(model, images)
    expected, actual = (moved(network, images, labels) for network in (model, aware))
    for mine, theirs in zip(actual, expected, strict=True):
        # Rounding alters a gradient; a factor of 6 in the kernel would make the step 36 times.
        assert np.linalg.norm(mine - theirs) < 0.7 * np.linalg.norm(theirs)


def test_file_and_float_form_have_the_factors_in_their_kernels(model, images, tmp_path):
    aware = quantize_aware(model, images)
    expected = model.predict(images, verbose=0)
    largest = np.abs(expected).max()
    stripped = strip(aware).predict(images, verbose=0)
    # The offset of a Normalization stays on the grid of its int8 constants.
    np.testing.assert_allclose(stripped, expected, atol=5e-3 * largest)
    outputs = TFLiteModel(convert(aware, tmp_path / "m.tflite").path).predict(images)
    np.testing.assert_allclose(outputs, aware.predict(images, verbose=0), atol=0.01 * largest)
    np.testing.assert_allclose(outputs, expected, atol=0.05 * largest)


def test_saved_model_keeps_the_factors(model, images, tmp_path):
    aware = quantize_aware(model, images)
    aware.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    expected, outputs = (m.predict(images, verbose=0) for m in (aware, again))
    np.testing.assert_array_equal(outputs, expected)
