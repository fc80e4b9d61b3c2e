import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course import MobileNet, MobileNetV2, to_fully_convolutional

SIDE, STRIDE = 12, 4


def flattened():
    return [layers.Flatten(), layers.Dropout(0.2), layers.Dense(6, "relu"), layers.Dense(3)]


def averaged():
    return [layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")]


def largest():
    return [layers.GlobalMaxPooling2D(), layers.BatchNormalization(), layers.Dense(3)]


@pytest.mark.parametrize("head", [flattened, averaged, largest])
def test_it_is_the_classifier_moved_over_the_image(rng, unsettle, head):
    body = [layers.Conv2D(4, 4, 2, activation="relu"), layers.MaxPooling2D(2, 2)]
    model = unsettle(keras.Sequential([keras.Input((SIDE, SIDE, 2)), *body, *head()]))
    network = to_fully_convolutional(model)
    assert network.count_params() == model.count_params()
    image = rng.uniform(-1, 1, (1, SIDE + 2 * STRIDE, SIDE + 3 * STRIDE, 2)).astype("float32")
    outputs = np.asarray(network(image))[0]
    assert outputs.shape == (3, 4, 3)
    for row in range(3):
        for column in range(4):
            y, x = row * STRIDE, column * STRIDE
            window = image[:, y : y + SIDE, x : x + SIDE]
            np.testing.assert_allclose(
                outputs[row, column], np.asarray(model(window))[0], atol=1e-5
            )


@pytest.mark.parametrize("builder", [MobileNet, MobileNetV2])
def test_a_network_of_the_package_is_the_same_at_its_size(rng, unsettle, builder):
    model = unsettle(
        builder((64, 64, 3), alpha=0.35 if builder is MobileNetV2 else 0.25, classes=5)
    )
    image = rng.uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    network = to_fully_convolutional(model)
    outputs = np.asarray(network(image))
    assert outputs.shape == (2, 1, 1, 5)
    np.testing.assert_allclose(outputs[:, 0, 0], np.asarray(model(image)), atol=1e-5)
    assert network(np.zeros((1, 128, 160, 3), np.float32)).shape == (1, 3, 4, 5)


def test_what_is_no_classifier_of_one_size_is_refused():
    with pytest.raises(ValueError, match=r"one image of a fixed size"):
        to_fully_convolutional(MobileNetV2(include_top=False))
    image = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(image)
    y = layers.Concatenate()([x, layers.Dense(2)(x)])
    with pytest.raises(ValueError, match=r"chain of layers behind it.* has 2 inputs"):
        to_fully_convolutional(keras.Model(image, y))
