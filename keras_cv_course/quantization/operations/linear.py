"""Convolutions and dense layers: int8 weights, an int32 bias, and a ReLU in the same kernel."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_cv_course.layers.grouped_convolution import GroupedConv2D
from keras_cv_course.quantization.gains import Absorption, Gain, Planner, along_inputs
from keras_cv_course.quantization.graph import Call, activation_of, remake
from keras_cv_course.quantization.grid import WIDE, Grid, Kernel, grid, narrow
from keras_cv_course.quantization.kernels import Int8Kernel, largest_weights, rounded
from keras_cv_course.quantization.operations.kind import (
    LINEAR,
    Int8Form,
    Making,
    OperationKind,
    Output,
    Rewriting,
    Rule,
    always,
)
from keras_cv_course.quantization.operations.making import Maker

_WEIGHT_LEVELS = 127.0


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedConv2D(Int8Kernel, layers.Conv2D):
    """`keras.layers.Conv2D` with an int8 kernel, one range for each filter."""

    channel_axes = (3,)

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        return rounded(self.divided_kernel(), per_channel=True)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Returns the convolution with the rounded kernel."""
        return super().convolution_op(inputs, self.rounded_kernel())


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedGroupedConv2D(QuantizedConv2D, GroupedConv2D):
    """`GroupedConv2D` with an int8 kernel, one range for each filter."""


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedDense(Int8Kernel, layers.Dense):
    """`keras.layers.Dense` with an int8 kernel, one range for each unit."""

    channel_axes = (1,)

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        return rounded(self.divided_kernel(), per_channel=True)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the product with the rounded kernel."""
        x = ops.matmul(inputs, self.rounded_kernel())
        return x if self.bias is None else ops.add(x, self.bias)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedConv2DTranspose(Int8Kernel, layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` with an int8 kernel, one range for each filter."""

    channel_axes = (2,)

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        swapped = rounded(ops.swapaxes(self.divided_kernel(), 2, 3), per_channel=True)
        return ops.swapaxes(swapped, 2, 3)

    def call(self, inputs: Any) -> Any:
        """Returns the transposed convolution with the rounded kernel."""
        x = ops.conv_transpose(
            inputs,
            self.rounded_kernel(),
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return x if self.bias is None else ops.add(x, self.bias)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedDepthwiseConv2D(Int8Kernel, layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` with an int8 kernel.

    Args:
        *args: As in `keras.layers.DepthwiseConv2D`.
        per_channel: Whether each channel has a range, or one is for all as in tfmot.
        **kwargs: As in `keras.layers.DepthwiseConv2D`.
    """

    def __init__(self, *args: Any, per_channel: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.per_channel = per_channel

    @property
    def channel_axes(self) -> tuple[int, ...]:
        """Axes of the kernel along which each index has a range of its own."""
        return (2, 3) if self.per_channel else ()

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        height, width, channels, multiplier = self.kernel.shape
        flat = ops.reshape(self.divided_kernel(), (height, width, 1, channels * multiplier))
        return ops.reshape(rounded(flat, self.per_channel), self.kernel.shape)

    def call(self, inputs: Any) -> Any:
        """Returns the depthwise convolution with the rounded kernel."""
        x = ops.depthwise_conv(
            inputs,
            self.rounded_kernel(),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return x if self.bias is None else ops.add(x, self.bias)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"per_channel": self.per_channel}


def accumulated(making: Making) -> Kernel:
    """Returns what the kernel of a convolution or dense layer computes, with what it fuses.

    A lone normalization is a depthwise convolution of one pixel.
    """
    layer = making.head.operation
    has_kernel = isinstance(layer, Int8Kernel)
    parts = making.fused if has_kernel else (making.head, *making.fused)
    (maker,) = making.makers

    def kernel(y: Any, operands: Sequence[Any], out: Grid) -> Any:
        source = grid(*maker.range())
        scale, offset = ops.ones((), WIDE), ops.zeros((), WIDE)
        if has_kernel and layer.bias is not None:
            offset = ops.cast(layer.bias.value, WIDE)
        for part in parts:
            scale, offset = part.form.folded(part.operation, scale, offset)
        # The converter folds into float32 weights, and computes their step from the largest.
        largest = ops.cast(largest_weights(layer), WIDE) if has_kernel else 1.0
        largest = narrow(largest * ops.abs(scale))
        step = largest / _WEIGHT_LEVELS
        offset, unit = narrow(offset), source.step * step
        unit = ops.where(unit == 0.0, 1.0, unit)
        scale = source.stored * ops.cast(step, "float32")
        accumulator = ops.round((ops.cast(y, WIDE) - offset) / unit) + integer_bias(offset, scale)
        return out.values(ops.cast(accumulator, "float32") * (scale / out.stored))

    return kernel


def integer_bias(offset: Any, scale: Any) -> Any:
    """Returns the integers that the converter computes for a bias, float64.

    It multiplies with the float32 reciprocal of their step, and rounds halves away from 0.
    """
    reciprocal = 1.0 / ops.where(scale == 0.0, 1.0, scale)
    steps = ops.cast(ops.cast(offset, "float32") * reciprocal, WIDE)
    return ops.sign(steps) * ops.floor(ops.abs(steps) + 0.5)


def takes(layer: Any, gain: Gain) -> bool:
    """Whether the kernel of a layer can be divided by the gain of its input."""
    if getattr(layer, "lora_enabled", False):
        return False
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    return gain.ndim == 0 or (last and getattr(layer, "groups", 1) == 1)


def can_scale(layer: Any) -> bool:
    """Whether a layer can multiply its output with a constant by its weights."""
    return activation_of(layer) in (None, keras.activations.linear, keras.activations.relu)


def absorb(layer: Any, gain: Gain, output_gain: Gain, first: Any = None, last: Any = None) -> None:
    """Divides the kernel that reads the input by its gain, and scales what gives the output."""
    first = layer.kernel if first is None else first
    last = layer.kernel if last is None else last
    first.assign(np.asarray(np.asarray(first) / along_inputs(layer, gain), first.dtype))
    for variable in (last, *([layer.bias] if layer.use_bias else [])):
        variable.assign(np.asarray(np.asarray(variable) * output_gain, variable.dtype))


def split_activation(maker: Maker, x: Any) -> Any:
    """Returns a layer and its activation separately."""
    layer = maker.operation

    def make(name: str) -> keras.Layer:
        linear = remake(layer, activation="linear")
        linear.build(x.shape)
        linear.set_weights(layer.get_weights())
        return linear

    return maker.activation(layer.activation, maker.layer("", make)(x), layer.activation.__name__)


def _has_activation(call: Call) -> bool:
    return bool(call.operation.activation is not keras.activations.linear)


def _kind(
    layer: type[keras.Layer], int8: type[keras.Layer], operator: str, rule: Rule = LINEAR
) -> OperationKind:
    return OperationKind(
        (layer, int8),
        gain=always(Planner.linear),
        int8=Int8Form(always(rule), frozenset({operator}), accumulated, layer=int8),
        rewritings=(Rewriting(_has_activation, split_activation),),
        absorption=Absorption(takes, can_scale, absorb),
    )


KINDS = (
    _kind(layers.Conv2D, QuantizedConv2D, "CONV_2D"),
    _kind(
        layers.Conv2DTranspose,
        QuantizedConv2DTranspose,
        "TRANSPOSE_CONV",
        Rule(Output.OWN, takes_constants=True),
    ),
    _kind(GroupedConv2D, QuantizedGroupedConv2D, "CONV_2D"),
    _kind(layers.Dense, QuantizedDense, "FULLY_CONNECTED"),
    _kind(layers.DepthwiseConv2D, QuantizedDepthwiseConv2D, "DEPTHWISE_CONV_2D"),
)
