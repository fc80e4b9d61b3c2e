import keras
import numpy as np
import pytest

from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite


def _block(channels=8, filters=8, expanded=48, kernel_size=3, **options):
    image = keras.Input((9, 9, channels))
    x = inverted_residual(image, filters, expanded, kernel_size, ConvStyle(), "b", **options)
    return keras.Model(image, x)


def _names(model):
    return [layer.name for layer in model.layers[1:]]


def test_layers_are_named_by_their_place():
    assert _names(_block()) == [
        "b_expand_conv",
        "b_expand_bn",
        "b_expand_activation",
        "b_depthwise_conv",
        "b_depthwise_bn",
        "b_depthwise_activation",
        "b_project_conv",
        "b_project_bn",
        "b_add",
    ]


@pytest.mark.parametrize(
    ("options", "added"),
    [({}, True), ({"strides": 2}, False), ({"filters": 16}, False)],
)
def test_the_input_is_added_where_shapes_agree(options, added):
    model = _block(**options)
    assert ("b_add" in _names(model)) is added
    size = 5 if options.get("strides") == 2 else 9
    assert model.output_shape == (None, size, size, options.get("filters", 8))


def test_without_widening_there_is_no_expansion():
    assert _names(_block(expanded=8))[0] == "b_depthwise_conv"


def test_squeeze_and_excitation_comes_before_the_projection():
    names = _names(_block(squeeze=SqueezeExcite(4, "relu", "sigmoid")))
    assert names.index("b_depthwise_activation") < names.index("b_se_pool")
    assert names.index("b_se_multiply") < names.index("b_project_conv")


def test_dropping_skips_the_block_for_whole_images():
    model = _block(drop_rate=0.5)
    model.get_layer("b_project_bn").beta.assign(keras.ops.ones(8))
    x = np.zeros((64, 9, 9, 8), "float32")
    kept = np.asarray(model(x, training=True)).reshape(64, -1)
    # The block adds 1, or with probability one half nothing and else 1 / 0.5.
    assert set(np.unique(kept)) == {0.0, 2.0}
    assert all(len(set(image)) == 1 for image in kept)
    np.testing.assert_allclose(model(x), 1.0, rtol=1e-6)


def test_nothing_is_dropped_where_nothing_is_added():
    assert "b_drop" not in _names(_block(strides=2, drop_rate=0.5))


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_same_padding_reads_what_keras_applications_pads(size, kernel_size, rng):
    from keras.src.applications.imagenet_utils import correct_pad

    x = keras.ops.convert_to_tensor(rng.normal(size=(1, size, size, 2)).astype("float32"))
    options = {"strides": 2, "use_bias": False, "depthwise_initializer": "ones"}
    same = keras.layers.DepthwiseConv2D(kernel_size, padding="same", **options)(x)
    padded = keras.layers.ZeroPadding2D(correct_pad(x, kernel_size))(x)
    valid = keras.layers.DepthwiseConv2D(kernel_size, padding="valid", **options)(padded)
    np.testing.assert_allclose(same, valid, rtol=1e-6, atol=1e-6)
