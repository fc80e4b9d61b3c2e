import keras
import numpy as np
import pytest

from keras_cv_course.blocks.convolution import (
    ConvStyle,
    activate,
    conv_activation,
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


def test_convolution_with_bias_has_no_normalization(rng):
    x = keras.Input((5, 5, 2))
    style = ConvStyle("leaky_relu")
    model = keras.Model(x, conv_activation(x, 3, 3, style, "a", padding="valid", dilation_rate=2))
    assert [layer.name for layer in model.layers[1:]] == ["a_conv", "a_activation"]
    kernel, bias = rng.normal(size=(3, 3, 2, 3)), rng.normal(size=3)
    model.set_weights([kernel, bias])
    image = rng.normal(size=(1, 5, 5, 2)).astype(np.float32)
    # Every second pixel of the image lies under the window.
    linear = np.einsum("ijc,ijcf->f", image[0, ::2, ::2], kernel) + bias
    expected = np.where(linear > 0, linear, 0.1 * linear)
    np.testing.assert_allclose(np.asarray(model(image))[0, 0, 0], expected, atol=1e-5)
