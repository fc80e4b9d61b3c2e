import keras
import pytest

from keras_cv_course.blocks.convolution import (
    ConvStyle,
    activate,
    conv_bn_activation,
    depthwise_bn_activation,
)


def test_convolution_normalization_and_activation_are_layers_of_their_own():
    image = keras.Input((8, 8, 3))
    style = ConvStyle("relu", batch_norm_momentum=0.9, kernel_initializer="he_normal")
    model = keras.Model(image, conv_bn_activation(image, 4, 3, style, "a", strides=2))
    _, conv, norm, activation = model.layers
    assert [layer.name for layer in model.layers[1:]] == ["a_conv", "a_bn", "a_activation"]
    assert conv.activation is keras.activations.linear
    assert not conv.use_bias
    assert isinstance(conv.kernel_initializer, keras.initializers.HeNormal)
    assert norm.momentum == 0.9
    assert isinstance(activation, keras.layers.ReLU)
    assert model.output_shape == (None, 4, 4, 4)


def test_depth_multiplier_multiplies_the_channels():
    image = keras.Input((8, 8, 3))
    x = depthwise_bn_activation(image, 3, ConvStyle(), "a", depth_multiplier=2)
    assert x.shape == (None, 8, 8, 6)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("relu", 7.0), ("relu6", 6.0), ("hard_swish", 7.0), ("hard_sigmoid", 1.0)],
)
def test_activate(activation, expected):
    x = keras.ops.full((1, 1), 7.0)
    assert float(activate(x, activation, "a")[0, 0]) == expected


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="Did you mean 'relu6'"):
        ConvStyle("relu66")


def test_momentum_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="`batch_norm_momentum` must be at least 0 and below 1"):
        ConvStyle(batch_norm_momentum=1.0)
