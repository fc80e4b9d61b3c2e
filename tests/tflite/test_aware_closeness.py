"""A network that has learned something: its file decides as the quantization-aware model does."""

import keras
import numpy as np
import pytest

from keras_cv_course import MobileNetV2
from keras_cv_course.data import as_arrays, digits
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.tflite.flatbuffer import output_steps

SHAPE = (48, 48, 3)
CLEAR_STEPS = 4  # A decision with this margin is not a matter of rounding.


def fit(model, train, rate, epochs, callbacks=()):
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(train))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    model.fit(train, epochs=epochs, callbacks=list(callbacks), shuffle=False, verbose=0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The file, held-out images with the scores of the model that it is made of, and all others."""
    keras.utils.set_random_seed(0)
    data = digits(SHAPE, (-1.0, 1.0))
    model = MobileNetV2(
        SHAPE, alpha=0.35, classes=10, classifier_activation=None, batch_norm_momentum=0.9
    )
    fit(model, data.train, 3e-3, 12)
    aware = quantize_aware(model, as_arrays(data.train.take(4))[0])
    fit(aware, data.train, 3e-4, 3, [FreezeRanges(after=2)])
    path = convert(aware, tmp_path_factory.mktemp("closeness") / "aware.tflite").path
    images, labels = as_arrays(data.test)
    others = np.concatenate([as_arrays(data.val)[0], as_arrays(data.train)[0]])
    seen = others, aware.predict(others, verbose=0)
    return path, images, labels, aware.predict(images, verbose=0), seen


@pytest.mark.slow
def test_file_computes_what_the_model_does_on_the_kernels_that_devices_run(trained):
    path, images, labels, expected, (others, expected_of_others) = trained
    assert np.mean(expected.argmax(axis=1) == labels) > 0.9
    outputs = TFLiteModel(path, validate=False).predict(images)
    steps = np.abs(outputs - expected) / output_steps(path.read_bytes())[0]
    assert steps.max() < 1.5
    # A sum of floats can fall on the other side of a half, once in a hundred thousand values. One
    # that does moves up to ten scores of its image, too many to find a share of 360 images.
    found_of_others = TFLiteModel(path, validate=False).predict(others)
    moved = np.concatenate([outputs - expected, found_of_others - expected_of_others])
    assert np.mean(np.abs(moved) / output_steps(path.read_bytes())[0] > 0.5) < 0.002
    clear = margins(path, expected) > CLEAR_STEPS
    assert clear.sum() > 256
    np.testing.assert_array_equal(outputs.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])


@pytest.mark.slow
def test_reference_kernels_decide_as_the_model_does(trained):
    path, images, _, expected, _ = trained
    outputs = TFLiteModel(path, kernels="reference", validate=False).predict(images)
    steps = np.abs(outputs - expected) / output_steps(path.read_bytes())[0]
    assert np.median(steps) <= 1.01
    assert np.mean(outputs.argmax(axis=1) == expected.argmax(axis=1)) >= 0.98


def margins(path, scores):
    """Returns by how many steps the best class is ahead of the next."""
    best = np.sort(scores, axis=1)
    return (best[:, -1] - best[:, -2]) / output_steps(path.read_bytes())[0]
