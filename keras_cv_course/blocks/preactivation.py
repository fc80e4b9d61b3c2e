"""Residual blocks that normalize and activate first: ResNet v2, Wide ResNet, BiT."""

from dataclasses import dataclass

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import ConvStyle, activate, conv_bn, normalize
from keras_cv_course.blocks.padding import pad_around
from keras_cv_course.blocks.residual import Residual


@dataclass(frozen=True)
class Preactivation:
    """What all blocks of a network with pre-activation have in common.

    Attributes:
        style: Activation, momentum, epsilon and initializer.
        biases: Whether the convolutions that end in the sum, without a normalization behind them,
            have a bias.
    """

    style: ConvStyle
    biases: bool = False


def preactivated_bottleneck(
    x: KerasTensor, block: Residual, filters: int, form: Preactivation
) -> KerasTensor:
    """Returns the sum of `x` and a 3x3 convolution between two of 1x1, of `x` activated.

    Args:
        x: float tensor (batch, height, width, channels).
        block: The numbers of the block.
        filters: Channels of the inner convolutions.
        form: What all blocks have in common.

    Reference:
        Identity Mappings in Deep Residual Networks, arXiv:1603.05027, figure 1 (b).
    """
    name, style = block.name, form.style
    y = _activated(x, style, f"{name}_first")
    start = _shortcut(x, y, block, form)
    y = conv_bn(y, filters, 1, style, f"{name}_reduce")
    y = activate(y, style.activation, f"{name}_reduce_activation")
    y, padding = _padded(y, block, f"{name}_window")
    steps = block.strides, padding, block.dilation_rate
    y = conv_bn(y, filters, 3, style, f"{name}_window", *steps)
    y = activate(y, style.activation, f"{name}_window_activation")
    y = _convolution(y, block.filters, 1, form, f"{name}_expand")
    return _sum(start, y, block)


def preactivated_basic(x: KerasTensor, block: Residual, form: Preactivation) -> KerasTensor:
    """Returns the sum of `x` and two 3x3 convolutions of `x` activated.

    Args:
        x: float tensor (batch, height, width, channels).
        block: The numbers of the block.
        form: What all blocks have in common.

    Reference:
        Wide Residual Networks, arXiv:1605.07146, figure 1 (a).
    """
    name, style = block.name, form.style
    y = _activated(x, style, f"{name}_first")
    start = _shortcut(x, y, block, form)
    y, padding = _padded(y, block, f"{name}_first")
    steps = block.strides, padding, block.dilation_rate
    y = conv_bn(y, block.filters, 3, style, f"{name}_second", *steps)
    y = activate(y, style.activation, f"{name}_second_activation")
    y = _convolution(y, block.filters, 3, form, f"{name}_third", block.later_dilation_rate)
    return _sum(start, y, block)


def _activated(x: KerasTensor, style: ConvStyle, name: str) -> KerasTensor:
    return activate(normalize(x, style, f"{name}_bn"), style.activation, f"{name}_activation")


def _padded(x: KerasTensor, block: Residual, name: str) -> tuple[KerasTensor, str]:
    return pad_around(x, 3, block.strides, name) if block.centred else (x, "same")


def _shortcut(
    x: KerasTensor, activated: KerasTensor, block: Residual, form: Preactivation
) -> KerasTensor:
    """Returns `x` in the shape of the sum: projected once activated, or every other pixel of it."""
    name, strides = f"{block.name}_shortcut", block.strides
    if x.shape[-1] != block.filters:
        return _convolution(activated, block.filters, 1, form, name, strides=strides)
    if strides == 1:
        return x
    return keras.layers.MaxPooling2D(1, strides, name=f"{name}_pool")(x)


def _convolution(
    x: KerasTensor,
    filters: int,
    kernel_size: int,
    form: Preactivation,
    name: str,
    dilation_rate: int = 1,
    strides: int = 1,
) -> KerasTensor:
    return form.style.convolution(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        dilation_rate=dilation_rate,
        use_bias=form.biases,
        kernel_initializer=form.style.kernel_initializer,
        name=f"{name}_conv",
    )(x)


def _sum(start: KerasTensor, x: KerasTensor, block: Residual) -> KerasTensor:
    if block.drop_rate > 0:
        shape, name = (None, 1, 1, 1), f"{block.name}_drop"
        x = keras.layers.Dropout(block.drop_rate, noise_shape=shape, name=name)(x)
    return keras.layers.Add(name=f"{block.name}_add")([start, x])
