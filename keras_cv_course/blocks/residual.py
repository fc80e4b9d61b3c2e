"""Residual blocks whose sum is activated: ResNet, Wide ResNet, ResNeXt, SENet, RegNet."""

from dataclasses import dataclass

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import ConvStyle, activate, conv_bn
from keras_cv_course.blocks.padding import pad_around
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite, squeeze_excite


@dataclass(frozen=True)
class Shortcut:
    """How the input of a block comes to the sum where its shape is another.

    Attributes:
        kernel_size: Size of the window of the convolution that projects it in a block with a step.
        pooled: Whether the mean of 2x2 pixels is projected where the block has a step, so that no
            pixel goes unread (ResNet-D).
        normalized: Whether batch normalization follows; else the convolution has a bias.
    """

    kernel_size: int = 1
    pooled: bool = False
    normalized: bool = True


PROJECTION = Shortcut()


@dataclass(frozen=True)
class Residual:
    """The numbers of one residual block.

    Attributes:
        name: Prefix of the names of its layers, e.g. "stage2_block1".
        filters: Channels of its output.
        strides: Its step.
        dilation_rate: Distance of the pixels that its first window reads.
        later_dilation_rate: Distance of the pixels that windows after its step read: larger where
            the step has been taken away.
        projects: Whether its input is projected to the shape of its output.
        squeeze: Squeeze-and-excitation of what is added to the input, or None.
        drop_rate: Probability with which training skips the block for a whole image.
        centred: Whether strided windows have zeros on all sides, or "same" padding.
    """

    name: str
    filters: int
    strides: int = 1
    dilation_rate: int = 1
    later_dilation_rate: int = 1
    projects: bool = False
    squeeze: SqueezeExcite | None = None
    drop_rate: float = 0.0
    centred: bool = True

    @property
    def steps(self) -> bool:
        """Whether the block has a step, or is dilated instead."""
        return self.strides > 1 or self.later_dilation_rate > self.dilation_rate


@dataclass(frozen=True)
class Bottleneck:
    """The numbers of what is between the input and the output of a bottleneck block.

    Attributes:
        filters: Channels of the window's output.
        reduced_filters: Channels of its input.
        groups: Number of groups of channels that the window keeps apart.
        strides_first: Whether the 1x1 convolution before the window has the step.
        squeeze: Squeeze-and-excitation of the window's output, or None.
    """

    filters: int
    reduced_filters: int
    groups: int = 1
    strides_first: bool = False
    squeeze: SqueezeExcite | None = None


def basic_block(
    x: KerasTensor, block: Residual, style: ConvStyle, shortcut: Shortcut = PROJECTION
) -> KerasTensor:
    """Returns the activated sum of `x` and two 3x3 convolutions of it.

    Layers are `{name}_first_conv`, `{name}_second_conv`, `{name}_shortcut_conv`, `{name}_add`, …

    Args:
        x: float tensor (batch, height, width, channels).
        block: The numbers of the block.
        style: Activation, momentum, epsilon, initializer and biases.
        shortcut: How `x` is projected.

    Reference:
        Deep Residual Learning for Image Recognition, arXiv:1512.03385, figure 5, left.
    """
    start = _shortcut(x, block, style, shortcut)
    first, second = f"{block.name}_first", f"{block.name}_second"
    steps = block.strides, block.dilation_rate
    x = _window(x, block.filters, style, first, *steps, centred=block.centred)
    x = activate(x, style.activation, f"{first}_activation")
    x = _window(x, block.filters, style, second, 1, block.later_dilation_rate)
    return _sum(start, x, block, style)


def bottleneck_block(
    x: KerasTensor,
    block: Residual,
    bottleneck: Bottleneck,
    style: ConvStyle,
    shortcut: Shortcut = PROJECTION,
) -> KerasTensor:
    """Returns the activated sum of `x` and a 3x3 convolution of it between two of 1x1.

    Layers are `{name}_reduce_conv`, `{name}_window_conv`, `{name}_expand_conv`,
    `{name}_shortcut_conv`, `{name}_add`, …

    Args:
        x: float tensor (batch, height, width, channels).
        block: The numbers of the block.
        bottleneck: Those of its inside.
        style: Activation, momentum, epsilon, initializer and biases.
        shortcut: How `x` is projected.

    Reference:
        Deep Residual Learning for Image Recognition, arXiv:1512.03385, figure 5, right; grouped:
        Aggregated Residual Transformations, arXiv:1611.05431, figure 3 (c); with squeezed window:
        Designing Network Design Spaces, arXiv:2003.13678, section 3.2.
    """
    start = _shortcut(x, block, style, shortcut)
    first = block.strides if bottleneck.strides_first else 1
    dilation = block.later_dilation_rate if bottleneck.strides_first else block.dilation_rate
    reduce, window = f"{block.name}_reduce", f"{block.name}_window"
    x = conv_bn(x, bottleneck.reduced_filters, 1, style, reduce, first)
    x = activate(x, style.activation, f"{reduce}_activation")
    steps = block.strides // first, dilation
    x = _window(x, bottleneck.filters, style, window, *steps, 3, bottleneck.groups, block.centred)
    x = activate(x, style.activation, f"{window}_activation")
    if bottleneck.squeeze is not None:
        x = squeeze_excite(x, bottleneck.squeeze, f"{block.name}_se")
    x = conv_bn(x, block.filters, 1, style, f"{block.name}_expand")
    return _sum(start, x, block, style)


def _shortcut(x: KerasTensor, block: Residual, style: ConvStyle, shortcut: Shortcut) -> KerasTensor:
    if not block.projects:
        return x
    name, strides = f"{block.name}_shortcut", block.strides
    if shortcut.pooled and block.steps:
        pool = keras.layers.AveragePooling2D(2, strides, "same", name=f"{name}_pool")
        x, strides = pool(x), 1
    kernel_size = shortcut.kernel_size if block.steps else 1
    if shortcut.normalized:
        steps = strides, block.dilation_rate, kernel_size
        return _window(x, block.filters, style, name, *steps, centred=block.centred)
    projection = keras.layers.Conv2D(
        block.filters,
        kernel_size,
        strides,
        kernel_initializer=style.kernel_initializer,
        name=f"{name}_conv",
    )
    return projection(x)


def _window(
    x: KerasTensor,
    filters: int,
    style: ConvStyle,
    name: str,
    strides: int,
    dilation: int,
    kernel_size: int = 3,
    groups: int = 1,
    centred: bool = True,
) -> KerasTensor:
    x, padding = pad_around(x, kernel_size, strides, name) if centred else (x, "same")
    return conv_bn(x, filters, kernel_size, style, name, strides, padding, dilation, groups)


def _sum(start: KerasTensor, x: KerasTensor, block: Residual, style: ConvStyle) -> KerasTensor:
    name = block.name
    if block.squeeze is not None:
        x = squeeze_excite(x, block.squeeze, f"{name}_se")
    if block.drop_rate > 0:
        drop = keras.layers.Dropout(
            block.drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop"
        )
        x = drop(x)
    x = keras.layers.Add(name=f"{name}_add")([start, x])
    return activate(x, style.activation, f"{name}_activation")
