"""The layers of a dense block, and the transition between two."""

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import ConvStyle, activate, conv_bn, normalize

_BOTTLENECK = 4


def dense_layer(x: KerasTensor, growth_rate: int, style: ConvStyle, name: str) -> KerasTensor:
    """Returns `x` and `growth_rate` more channels, made of all of its channels.

    Layers are `{name}_bn`, `{name}_reduce_conv`, `{name}_grow_conv`, `{name}_concat`, …

    Args:
        x: float tensor (batch, height, width, channels).
        growth_rate: Channels of the 3x3 convolution; the 1x1 convolution before it has four times
            as many.
        style: Activation, momentum, epsilon and initializer.
        name: Prefix of the layers' names.

    Reference:
        Densely Connected Convolutional Networks, arXiv:1608.06993, section 3: H of DenseNet-B.
    """
    y = activate(normalize(x, style, f"{name}_bn"), style.activation, f"{name}_activation")
    y = conv_bn(y, _BOTTLENECK * growth_rate, 1, style, f"{name}_reduce")
    y = activate(y, style.activation, f"{name}_reduce_activation")
    y = _convolution(y, growth_rate, 3, style, f"{name}_grow_conv")
    return keras.layers.Concatenate(name=f"{name}_concat")([x, y])


def transition(x: KerasTensor, filters: int, style: ConvStyle, name: str) -> KerasTensor:
    """Returns `x` with fewer channels and half the size: the mean of 2x2 pixels.

    Args:
        x: float tensor (batch, height, width, channels).
        filters: Channels of the result.
        style: Activation, momentum, epsilon and initializer.
        name: Prefix of the layers' names.
    """
    x = normalize(x, style, f"{name}_transition_bn")
    x = activate(x, style.activation, f"{name}_transition_activation")
    x = _convolution(x, filters, 1, style, f"{name}_transition_conv")
    return keras.layers.AveragePooling2D(2, name=f"{name}_transition_pool")(x)


def _convolution(
    x: KerasTensor, filters: int, kernel_size: int, style: ConvStyle, name: str
) -> KerasTensor:
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=False,
        kernel_initializer=style.kernel_initializer,
        name=name,
    )(x)
