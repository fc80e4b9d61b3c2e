"""Convolution, batch normalization and activation, each a layer of its own."""

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_choice, check_positive, check_rate
from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.layers.grouped_convolution import GroupedConv2D
from keras_cv_course.layers.standardized_convolution import StandardizedConv2D

ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "hard_swish", "swish", "silu", "hard_sigmoid", "sigmoid"),
    *("tanh", "gelu"),
)
_LEAK = 0.1  # of Darknet's networks
_NORM_GROUPS = 32


@dataclass(frozen=True)
class ConvStyle:
    """What all convolutions of a network have in common.

    Attributes:
        activation: Name of the activation after a normalized convolution.
        batch_norm_momentum: Weight of the past in the moving statistics, in [0, 1).
        kernel_initializer: As `keras.initializers.get` takes it. Not an instance, which would
            give kernels of one shape the same values.
        batch_norm_epsilon: What is added to the variance, so that nothing is divided by 0.
        batch_norm_scale: Whether batch normalization has a factor, which is of no use where a
            convolution follows the activation.
        use_bias: Whether convolutions have a bias before batch normalization too, which needs
            none, as some published networks do.
        normalization: "batch", "group" for groups of channels of one image, 32 if there are as
            many, or "none".
        standardized: Whether kernels are standardized before they are used.
    """

    activation: str = "relu6"
    batch_norm_momentum: float = 0.99
    kernel_initializer: Any = "glorot_uniform"
    batch_norm_epsilon: float = 1e-3
    batch_norm_scale: bool = True
    use_bias: bool = False
    normalization: str = "batch"
    standardized: bool = False

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ACTIVATIONS)
        check_rate("batch_norm_momentum", self.batch_norm_momentum)
        check_positive("batch_norm_epsilon", self.batch_norm_epsilon)
        check_choice("normalization", self.normalization, ("batch", "group", "none"))

    @property
    def convolution(self) -> type[keras.layers.Conv2D]:
        """The layer of its convolutions."""
        return StandardizedConv2D if self.standardized else keras.layers.Conv2D


def activate(x: KerasTensor, activation: str, name: str) -> KerasTensor:
    """Returns `activation` of `x`, in a layer of its own."""
    if activation == "relu":
        return keras.layers.ReLU(name=name)(x)
    if activation == "relu6":
        return keras.layers.ReLU(6.0, name=name)(x)
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(_LEAK, name=name)(x)
    return keras.layers.Activation(activation, name=name)(x)


def normalize(x: KerasTensor, style: ConvStyle, name: str) -> KerasTensor:
    """Returns `x` normalized, over the batch or over groups of channels."""
    if style.normalization == "group":
        groups = math.gcd(_NORM_GROUPS, x.shape[-1])
        name = f"{name.removesuffix('_bn')}_gn"
        return keras.layers.GroupNormalization(groups, epsilon=style.batch_norm_epsilon, name=name)(
            x
        )
    return BatchNormalization(
        momentum=style.batch_norm_momentum,
        epsilon=style.batch_norm_epsilon,
        scale=style.batch_norm_scale,
        name=name,
    )(x)


def conv_bn(
    x: KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, int],
    style: ConvStyle,
    name: str,
    strides: int = 1,
    padding: str = "same",
    dilation_rate: int = 1,
    groups: int = 1,
) -> KerasTensor:
    """Returns a convolution of `x`, normalized: layers `{name}_conv`, `{name}_bn`.

    Args:
        x: float tensor (batch, height, width, channels).
        filters: Channels of the result.
        kernel_size: Height and width of the window.
        style: Momentum, initializer and whether there are biases.
        name: Prefix of the layers' names.
        strides: Step of the window; the result has `ceil(size / strides)` rows and columns when
            `padding` is "same".
        padding: "same", which Keras applies inside the convolution, or "valid".
        dilation_rate: Distance of the pixels that the window reads; 1 where it is strided.
        groups: Number of groups of channels that are convolved apart.
    """
    kind, grouped = (GroupedConv2D, {"groups": groups}) if groups > 1 else (style.convolution, {})
    x = kind(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        use_bias=style.use_bias,
        kernel_initializer=style.kernel_initializer,
        name=f"{name}_conv",
        **grouped,
    )(x)
    return normalize(x, style, f"{name}_bn")


def conv_bn_activation(
    x: KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, int],
    style: ConvStyle,
    name: str,
    strides: int = 1,
    padding: str = "same",
    dilation_rate: int = 1,
) -> KerasTensor:
    """Returns `conv_bn` of `x`, activated: layers `{name}_conv`, `{name}_bn`, `{name}_activation`.

    Takes what `conv_bn` takes.
    """
    x = conv_bn(x, filters, kernel_size, style, name, strides, padding, dilation_rate)
    return activate(x, style.activation, f"{name}_activation")


def conv_activation(
    x: KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, int],
    style: ConvStyle,
    name: str,
    strides: int = 1,
    padding: str = "same",
    dilation_rate: int = 1,
) -> KerasTensor:
    """Returns a convolution of `x` with bias, activated: layers `{name}_conv`, `{name}_activation`.

    For networks that are older than batch normalization. Takes what `conv_bn` takes.
    """
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        kernel_initializer=style.kernel_initializer,
        name=f"{name}_conv",
    )(x)
    return activate(x, style.activation, f"{name}_activation")


def depthwise_bn_activation(
    x: KerasTensor,
    kernel_size: int,
    style: ConvStyle,
    name: str,
    strides: int = 1,
    padding: str = "same",
    depth_multiplier: int = 1,
    dilation_rate: int = 1,
) -> KerasTensor:
    """Returns a convolution of each channel by itself, normalized and activated.

    Layers are `{name}_conv`, `{name}_bn`, `{name}_activation`.

    Args:
        x: float tensor (batch, height, width, channels).
        kernel_size: Height and width of the window.
        style: Activation, momentum and initializer.
        name: Prefix of the layers' names.
        strides: Step of the window.
        padding: "same" or "valid".
        depth_multiplier: Channels of the result for each channel of `x`.
        dilation_rate: Distance of the pixels that the window reads; 1 where it is strided.
    """
    x = keras.layers.DepthwiseConv2D(
        kernel_size,
        strides=strides,
        padding=padding,
        depth_multiplier=depth_multiplier,
        dilation_rate=dilation_rate,
        use_bias=False,
        depthwise_initializer=style.kernel_initializer,
        name=f"{name}_conv",
    )(x)
    x = normalize(x, style, f"{name}_bn")
    return activate(x, style.activation, f"{name}_activation")
