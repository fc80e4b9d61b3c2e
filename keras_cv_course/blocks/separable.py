"""MobileNet's block, a depthwise and a pointwise convolution, and the full one it replaces."""

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import (
    ConvStyle,
    conv_bn_activation,
    depthwise_bn_activation,
)


def pad_bottom_right(
    x: KerasTensor, strides: int, kernel_size: int, name: str
) -> tuple[KerasTensor, str]:
    """Returns `x` and the padding with which a strided convolution of it reads as MobileNet's.

    The published weights were trained with one row of zeros below and one column on the right.
    That is what "same" does inside the convolution when a size is even. When it is odd the zeros
    are never read, which is "valid". Only where the sizes differ in parity, or are not known yet,
    does it take a padding layer, `{name}_pad`.

    Args:
        x: float tensor (batch, height, width, channels).
        strides: Step of the convolution, 1 or 2.
        kernel_size: Size of its window; the rule holds for 3.
        name: Prefix of the padding layer's name.

    Returns:
        The tensor, padded or not, and "same" or "valid".
    """
    if strides == 1:
        return x, "same"
    height, width = x.shape[1:3]
    if height is not None and width is not None and height % 2 == width % 2:
        return x, "valid" if height % 2 else "same"
    margin = (0, kernel_size // 2)
    return keras.layers.ZeroPadding2D((margin, margin), name=f"{name}_pad")(x), "valid"


def separable_block(
    x: KerasTensor,
    filters: int,
    style: ConvStyle,
    name: str,
    strides: int = 1,
    depth_multiplier: int = 1,
    dilation_rate: int = 1,
) -> KerasTensor:
    """Returns a depthwise 3x3 and a pointwise convolution of `x`, each normalized and activated.

    Args:
        x: float tensor (batch, height, width, channels).
        filters: Channels of the result.
        style: Activation, momentum and initializer.
        name: Prefix of the layers' names, e.g. "stage2_block1".
        strides: Step of the depthwise convolution, 1 or 2.
        depth_multiplier: Channels between the two convolutions for each channel of `x`.
        dilation_rate: Distance of the pixels that the depthwise window reads.

    Reference:
        MobileNets, arXiv:1704.04861, section 3.1 and figure 3.
    """
    x, padding = pad_bottom_right(x, strides, 3, f"{name}_depthwise")
    x = depthwise_bn_activation(
        x, 3, style, f"{name}_depthwise", strides, padding, depth_multiplier, dilation_rate
    )
    return conv_bn_activation(x, filters, 1, style, f"{name}_pointwise")


def full_conv_block(
    x: KerasTensor,
    filters: int,
    style: ConvStyle,
    name: str,
    strides: int = 1,
    dilation_rate: int = 1,
) -> KerasTensor:
    """Returns a full 3x3 convolution of `x`, normalized and activated.

    It replaces `separable_block` in the network that the paper compares MobileNet with.
    Takes what `separable_block` takes but `depth_multiplier`.

    Reference:
        MobileNets, arXiv:1704.04861, table 4.
    """
    x, padding = pad_bottom_right(x, strides, 3, name)
    return conv_bn_activation(x, filters, 3, style, name, strides, padding, dilation_rate)


def wide_block(
    x: KerasTensor, filters: int, style: ConvStyle, name: str, separable: bool
) -> KerasTensor:
    """Returns a 3x3 convolution of `x`, or what takes its place in a mobile network.

    Args:
        x: float tensor (batch, height, width, channels).
        filters: Channels of the result.
        style: Activation, momentum and initializer.
        name: Prefix of the layers' names.
        separable: Whether it is a `separable_block`, or a full convolution.
    """
    if separable:
        return separable_block(x, filters, style, name)
    return conv_bn_activation(x, filters, 3, style, name)
