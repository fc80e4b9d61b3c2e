import keras
import numpy as np
import pytest

from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.blocks.separable import full_conv_block, separable_block


def _layer_types(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("shape", "pads"),
    [((8, 8, 3), 0), ((7, 7, 3), 0), ((9, 5, 3), 0), ((8, 7, 3), 1), ((None, None, 3), 1)],
)
def test_strided_block_reads_one_row_below_and_one_column_on_the_right(shape, pads, rng):
    image = keras.Input(shape)
    model = keras.Model(image, separable_block(image, 3, ConvStyle("relu"), "b", strides=2))
    assert _layer_types(model).count("ZeroPadding2D") == pads
    kernel = rng.normal(size=(3, 3, 3, 1)).astype("float32")
    model.get_layer("b_depthwise_conv").set_weights([kernel])
    depthwise = keras.Model(image, model.get_layer("b_depthwise_conv").output)

    x = rng.normal(size=(1, *(size or 6 for size in shape))).astype("float32")
    padded = np.pad(x[0], ((0, 1), (0, 1), (0, 0)))
    height, width = ((size - 3) // 2 + 1 for size in padded.shape[:2])
    expected = [
        [
            (padded[2 * r : 2 * r + 3, 2 * c : 2 * c + 3] * kernel[..., 0]).sum((0, 1))
            for c in range(width)
        ]
        for r in range(height)
    ]
    np.testing.assert_allclose(depthwise(x)[0], expected, rtol=1e-5, atol=1e-5)


def test_full_block_is_one_convolution():
    image = keras.Input((9, 9, 4))
    model = keras.Model(image, full_conv_block(image, 6, ConvStyle(), "b", strides=2))
    assert _layer_types(model) == ["InputLayer", "Conv2D", "BatchNormalization", "ReLU"]
    assert model.output_shape == (None, 4, 4, 6)
    assert model.get_layer("b_conv").kernel.shape == (3, 3, 4, 6)
