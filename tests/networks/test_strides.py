from fractions import Fraction

import keras
import pytest
from keras import layers

from keras_cv_course.networks.strides import output_strides

_IMAGE = (None, None, 3)


def strides(build, shape=_IMAGE):
    """Heights' strides of the layers that `build` puts on an image."""
    image = keras.Input(shape, name="image")
    model = keras.Model(image, build(image))
    levels = output_strides(model)
    assert all(s is None or s[0] == s[1] for s in levels.values())
    return {name: s and s[0] for name, s in levels.items() if name != "image"}


def chain(*steps):
    def build(x):
        for step in steps:
            x = step(x)
        return x

    return build


def test_strides_of_a_chain_multiply_whatever_its_padding():
    levels = strides(
        chain(
            layers.ZeroPadding2D(3, name="pad"),
            layers.Conv2D(4, 7, 2, name="conv"),
            layers.MaxPooling2D(3, 2, padding="same", name="pool"),
            layers.AveragePooling2D(2, name="mean"),
            layers.DepthwiseConv2D(3, 3, name="depthwise"),
        )
    )
    assert levels == {"pad": 1, "conv": 2, "pool": 4, "mean": 8, "depthwise": 24}


def test_what_enlarges_divides():
    levels = strides(
        chain(
            layers.Conv2D(8, 3, 4, name="conv"),
            layers.UpSampling2D(2, name="up"),
            layers.Conv2DTranspose(8, 2, 2, name="transposed"),
            layers.Conv2DTranspose(8, 4, 2, name="finer"),
        )
    )
    assert levels == {"conv": 4, "up": 2, "transposed": 1, "finer": Fraction(1, 2)}


def test_depth_and_space():
    image = keras.Input((16, 16, 4), name="image")
    small = keras.ops.space_to_depth(image, 2)
    large = keras.ops.depth_to_space(layers.Activation("relu", name="small")(small), 4)
    model = keras.Model(image, layers.Activation("relu", name="large")(large))
    levels = output_strides(model)
    assert (levels["small"][0], levels["large"][0]) == (2, Fraction(1, 2))


def test_a_gate_of_one_pixel_leaves_the_stride_of_what_it_multiplies():
    def build(image):
        x = layers.Conv2D(4, 3, 2, name="conv")(image)
        gate = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
        return layers.Multiply(name="gated")([x, layers.Conv2D(4, 1, name="gate")(gate)])

    assert strides(build) == {"conv": 2, "pool": None, "gate": None, "gated": 2}


def test_what_is_no_map_of_the_input_has_none():
    levels = strides(
        chain(
            layers.Resizing(7, 7, name="resized"),
            layers.Conv2D(4, 3, 2, name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="dense"),
        )
    )
    assert set(levels.values()) == {None}


@pytest.mark.parametrize(("height", "expected"), [(16, 2), (None, 1)])
def test_a_reshape_is_known_by_its_shapes(height, expected):
    if height is None:  # Nothing is known then but that pixels stay pixels.
        levels = strides(layers.Activation("relu", name="last"))
    else:
        pairs = layers.Reshape((8, 8, 12), name="last")
        levels = strides(pairs, (height, height, 3))
    assert levels["last"] == expected


def test_height_and_width_apart_and_models_inside():
    image = keras.Input(_IMAGE, name="image")
    inner = keras.Sequential([keras.Input(_IMAGE), layers.Conv2D(3, 3, 2)], name="inner")
    x = layers.Conv2D(3, 3, (1, 2), name="wide")(inner(image))
    assert output_strides(keras.Model(image, x))["wide"] == (2, 4)
