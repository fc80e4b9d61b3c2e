import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course import build_model
from keras_cv_course.quantization.vector_head import vectorize_head


def kinds(model):
    return [type(layer) for layer in model.layers]


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet_v3_small"])
def test_heads_of_1x1_convolutions_become_dense(name, unsettle, rng):
    model = unsettle(build_model(name, input_shape=(32, 32, 3), classes=5))
    rewritten = vectorize_head(model)
    assert layers.Dense in kinds(rewritten)
    assert not {layers.Flatten, layers.Reshape} & set(kinds(rewritten))
    images = rng.uniform(-1, 1, (2, 32, 32, 3))
    np.testing.assert_allclose(rewritten(images), model(images), atol=1e-6)


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_head_that_has_vectors_already_is_left_alone(name):
    model = build_model(name, input_shape=(32, 32, 3), classes=5)
    assert vectorize_head(model) is model


def test_map_that_is_an_output_too_stays_a_map(rng):
    image = keras.Input((4, 4, 3))
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(image)
    scores = layers.Flatten()(layers.Conv2D(2, 1)(pooled))
    assert vectorize_head(keras.Model(image, [pooled, scores])).output_shape == [
        (None, 1, 1, 3),
        (None, 2),
    ]


def test_grouped_convolution_is_left_alone():
    image = keras.Input((4, 4, 4))
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(image)
    model = keras.Model(image, layers.Flatten()(layers.Conv2D(4, 1, groups=2)(pooled)))
    assert vectorize_head(model) is model


def test_layers_that_maps_and_vectors_share(rng):
    image = keras.Input((4, 4, 3))
    relu, pool = layers.ReLU(), layers.GlobalAveragePooling2D(keepdims=True)
    x = layers.Conv2D(4, 1)(pool(relu(layers.Conv2D(4, 1)(image))))
    model = keras.Model(image, layers.Flatten()(relu(x)))
    rewritten = vectorize_head(model)
    assert layers.Dense in kinds(rewritten)
    images = rng.normal(size=(2, 4, 4, 3))
    np.testing.assert_allclose(rewritten(images), model(images), atol=1e-6)


def test_precision_is_kept(rng):
    image = keras.Input((4, 4, 3), dtype="float64")
    pool = layers.GlobalAveragePooling2D(keepdims=True, dtype="float64")
    x = layers.Conv2D(2, 1, dtype="float64")(pool(image))
    model = keras.Model(image, layers.Flatten(dtype="float64")(x))
    assert vectorize_head(model).output.dtype == "float64"


def test_channels_first_is_left_alone():
    image = keras.Input((3, 4, 6))
    pool = layers.GlobalAveragePooling2D(keepdims=True, data_format="channels_first")
    model = keras.Model(image, layers.Flatten()(pool(image)))
    assert vectorize_head(model) is model
