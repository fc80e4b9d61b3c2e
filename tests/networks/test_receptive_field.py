import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course import MobileNetV2, receptive_field


def seen_pixels(model, size=64):
    """Height and width of the pixels that the output in the middle has a gradient of."""
    import tensorflow as tf

    for weight in model.weights:
        weight.assign(np.full(weight.shape, 0.01))
    image = tf.Variable(np.random.default_rng(0).uniform(0.5, 1, (1, size, size, 1)))
    with tf.GradientTape() as tape:
        y = model(image)
        value = tf.reduce_sum(y[:, y.shape[1] // 2, y.shape[2] // 2])
    rows, columns = np.nonzero(np.abs(tape.gradient(value, image)[0, ..., 0]))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize(
    ("stack", "size"),
    [
        ([layers.Conv2D(1, 3)] * 3, (7, 7)),
        ([layers.Conv2D(1, 3, 2), layers.Conv2D(1, (1, 5))], (3, 11)),
        ([layers.Conv2D(1, 3, dilation_rate=4), layers.AveragePooling2D(2)], (10, 10)),
        ([layers.DepthwiseConv2D(5, 2), layers.Conv2D(1, 3), layers.Conv2D(1, 3)], (13, 13)),
    ],
)
def test_it_is_what_the_gradient_reaches(stack, size):
    copies = [layer.__class__.from_config(layer.get_config() | {"name": None}) for layer in stack]
    model = keras.Sequential([keras.Input((64, 64, 1)), *copies])
    field = receptive_field(model)
    assert field.size_px == size == seen_pixels(model)


def test_branches_see_what_the_widest_sees_and_enlarging_halves_the_step():
    image = keras.Input((32, 32, 1))
    wide = layers.Conv2D(4, 7, padding="same", name="wide")(image)
    x = layers.Add()([wide, layers.Conv2D(4, 1)(image)])
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="up")(x)
    model = keras.Model(image, x)
    assert receptive_field(model, "pool").size_px == (8, 8)
    assert receptive_field(model, "pool").strides == (2, 2)
    assert receptive_field(model).size_px == (10, 10)
    assert receptive_field(model).strides == (1, 1)
    with pytest.raises(ValueError, match=r"`layer` must be the name of one of"):
        receptive_field(model, "nothing")


def test_a_classifier_sees_the_whole_image():
    assert receptive_field(MobileNetV2((96, 96, 3), alpha=0.35, classes=2)) is None
    body = MobileNetV2((96, 96, 3), alpha=0.35)
    field = receptive_field(body, "stage2_block1_project_bn")
    # Stem 3/2, depthwise 3, then depthwise 3/2: 3 + 2 * 2 + 2 * 2.
    assert (field.size_px, field.strides) == ((11, 11), (4, 4))
