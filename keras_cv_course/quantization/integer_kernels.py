"""What the int8 kernels of XNNPACK compute, to the bit, with floats that hold their integers.

To round a sum to a step is not yet what a kernel does: its bias is an integer, and the factor from
the accumulator's step to the output's a float32. The difference is a step in a thousandth of the
values, and a network multiplies it from layer to layer. In inference, therefore, the layer that
rounds looks back in the graph at what has made its input, recovers the accumulator, which is an
integer, and goes the kernel's way from there.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_cv_course.ops.activations import hard_sigmoid_x6
from keras_cv_course.quantization.gains import activation_of
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.keep_float import KeepFloat
from keras_cv_course.quantization.kernels import FreezableBatchNormalization, largest_weights
from keras_cv_course.quantization.rules import Output, is_relu, rule_of

_LEVELS = 255.0
_WEIGHT_LEVELS = 127.0
_WIDE = "float64"
_HALVES = 1024.0
_MULTIPLIER_BITS = 20  # of XNNPACK's sum


@dataclass(frozen=True)
class Grid:
    """Values that an int8 tensor can have: `step * integer`, and 0 among them.

    Attributes:
        step: Distance of two values, as the converter computes with it, float64.
        least: Smallest integer.
    """

    step: Any
    least: Any

    @property
    def stored(self) -> Any:
        """The step as the file holds it."""
        return ops.cast(self.step, "float32")

    def values(self, steps: Any) -> Any:
        """Returns the values nearest to float32 numbers of steps; halves go to the even one."""
        return ops.clip(ops.round(steps), self.least, self.least + _LEVELS) * self.stored

    def integers(self, values: Any) -> Any:
        """Returns how many steps values of the grid are, as float64."""
        return ops.round(ops.cast(values, _WIDE) / self.step)


def grid(low: Any, high: Any) -> Grid:
    """Returns the grid of a range, moved so that 0 is on it.

    Args:
        low: Smallest value, float32 scalar, 0 or less.
        high: Largest value, above `low`.
    """
    low, high = ops.cast(low, _WIDE), ops.cast(high, _WIDE)
    step = ops.cast(ops.cast((high - low) / _LEVELS, "float32"), _WIDE)
    least = ops.round(low / step)
    # The file's ranges are float32, and so is their width, of which its step is computed.
    first, last = (ops.cast(n * step, "float32") for n in (least, least + _LEVELS))
    return Grid(ops.cast(last - first, _WIDE) / _LEVELS, ops.cast(least, "float32"))


Kernel = Callable[[Any, Sequence[Any], Grid], Any]


def kernel_behind(
    x: keras.KerasTensor, operands: Sequence[keras.KerasTensor], rounding: type[keras.Layer]
) -> Kernel:
    """Returns the kernel that makes a tensor; one that only rounds where nothing more is known.

    Args:
        x: Input of a layer that rounds.
        operands: Of a sum, difference or product: its terms or factors.
        rounding: Class of the layers that round.

    Returns:
        A function of the values of x, those of the operands, and the grid to round to.
    """
    chain = [_call(x)]
    while _is_fused(chain[-1].operation):
        chain.append(_call(chain[-1].inputs[0]))
    *fused, call = chain
    has_kernel = largest_weights(call.operation) is not None
    is_lone = not has_kernel and any(_is_normalization(c.operation) for c in fused)
    source = fused[-1] if is_lone else call
    if isinstance(call.operation, keras.layers.InputLayer | KeepFloat):
        return _input
    makers = [_rounded_by(operand, rounding) for operand in operands or source.inputs[:1]]
    if type(call.operation) is keras.layers.AveragePooling2D:
        return _average
    if None in makers or not (has_kernel or is_lone or operands):
        return nearest
    if len(operands) == 1:
        start = next(i for i, c in enumerate(chain) if _added(c.operation) is not None)
        return _sum(makers, chain[: start + 1], constant=_added(chain[start].operation))
    if operands:
        return _ARITHMETIC[type(call.operation).__name__](makers, fused)
    return _linear(makers[0], call.operation if has_kernel else None, fused)


def readers_with_bounds(layer: keras.Layer) -> tuple[list[keras.Layer], bool]:
    """Returns the layers of a rounding layer's class that round sums of what it has rounded.

    Returns:
        These layers, and whether a softmax reads what it has rounded. See `scale_bounds`.
    """
    sums: dict[int, keras.Layer] = {}
    has_softmax = False
    nodes = list(layer._outbound_nodes)
    while nodes:
        node = nodes.pop()
        arguments, operation = node.arguments, node.operation
        if isinstance(operation, type(layer)):
            if _is_sum(arguments.args[0], arguments.kwargs.get("operands", ())):
                sums[id(operation)] = operation
            continue
        call = Call(operation, arguments.args, arguments.kwargs, node.outputs)
        has_softmax = has_softmax or isinstance(operation, keras.layers.Softmax)
        rule = rule_of(call)
        if rule is not None and rule.output in (Output.SAME, Output.JOINED):
            nodes.extend(operation._outbound_nodes)
    return list(sums.values()), has_softmax


def _is_sum(x: keras.KerasTensor, operands: Sequence[keras.KerasTensor]) -> bool:
    call = _call(x)
    while _is_fused(call.operation):
        call = _call(call.inputs[0])
    return len(operands) == 1 or (len(operands) == 2 and _adds(call.operation))


def _adds(operation: keras.Operation) -> bool:
    return type(operation).__name__ in ("Add", "Subtract")


def nearest(y: Any, operands: Sequence[Any], out: Grid) -> Any:
    """Returns values rounded to a grid, halves upwards."""
    return out.values(ops.floor(y / out.stored + 0.5))


def _input(y: Any, operands: Sequence[Any], out: Grid) -> Any:
    return out.values(y * (1.0 / out.stored))


def _average(y: Any, operands: Sequence[Any], out: Grid) -> Any:
    """Returns the averages of integers as TFLite rounds them: halves away from 0 of int8."""
    zero = out.least + 128.0
    # Averages of up to a dozen numbers; what floats add to them must not decide halves.
    integers = ops.round((y / out.stored - zero) * _HALVES) / _HALVES
    return out.values(ops.sign(integers) * ops.floor(ops.abs(integers) + 0.5) + zero)


def has_integer_arithmetic(call: Call) -> bool:
    """Whether a call is a sum, difference or product, whose kernel needs to know its operands."""
    binary = type(call.operation).__name__ in _ARITHMETIC and len(call.inputs) == 2
    return binary or _added(call.operation) is not None


def _linear(maker: Any, layer: keras.Layer | None, fused: Sequence[Call]) -> Kernel:
    """Returns the kernel of a convolution or dense layer; None is a lone batch normalization's."""

    def kernel(y: Any, operands: Sequence[Any], out: Grid) -> Any:
        source = grid(*maker.range())
        scale, offset = ops.ones((), _WIDE), ops.zeros((), _WIDE)
        if layer is not None and layer.bias is not None:
            offset = ops.cast(layer.bias.value, _WIDE)
        for operation in reversed([call.operation for call in fused]):
            if _is_normalization(operation):
                factor, shift = _scale_and_shift(operation)
                scale, offset = scale * factor, offset * factor + shift
            elif activation_of(operation) is hard_sigmoid_x6:
                offset = _narrow(offset) + 3.0
        # The converter folds into float32 weights, and computes their step from the largest.
        largest = 1.0 if layer is None else ops.cast(largest_weights(layer), _WIDE)
        largest = _narrow(largest * ops.abs(scale))
        step = largest / _WEIGHT_LEVELS
        offset, unit = _narrow(offset), source.step * step
        unit = ops.where(unit == 0.0, 1.0, unit)
        scale = source.stored * ops.cast(step, "float32")
        accumulator = ops.round((ops.cast(y, _WIDE) - offset) / unit) + _bias(offset, scale)
        return out.values(ops.cast(accumulator, "float32") * (scale / out.stored))

    return kernel


def _bias(offset: Any, scale: Any) -> Any:
    """Returns the integers that the converter makes of a bias, float64.

    It multiplies with the float32 reciprocal of their step, and rounds halves away from 0.
    """
    reciprocal = 1.0 / ops.where(scale == 0.0, 1.0, scale)
    steps = ops.cast(ops.cast(offset, "float32") * reciprocal, _WIDE)
    return ops.sign(steps) * ops.floor(ops.abs(steps) + 0.5)


def _sum(
    makers: Sequence[Any], fused: Sequence[Call], sign: float = 1.0, constant: Any = None
) -> Kernel:
    """Returns the kernel of a sum or difference of two tensors, or of one and a constant."""

    def kernel(y: Any, operands: Sequence[Any], out: Grid) -> Any:
        grids, terms = [grid(*maker.range()) for maker in makers], list(operands)
        if constant is not None:
            grids.append(grid(min(np.min(constant), 0.0), max(np.max(constant), 0.0)))
            terms.append(ops.convert_to_tensor(constant, "float32"))
        ratios = [ops.cast(g.stored / out.stored, _WIDE) for g in grids]
        shift = 2.0 ** (_MULTIPLIER_BITS - ops.floor(ops.log2(ops.maximum(*ratios))))
        first, second = (
            g.integers(x) * ops.round(ratio * shift)
            for g, x, ratio in zip(grids, terms, ratios, strict=True)
        )
        total = ops.floor((first + sign * second) / shift + 0.5)
        return out.values(_rectified(ops.cast(total, "float32"), fused, out))

    return kernel


def _added(operation: keras.Operation) -> Any:
    """Returns the constant that an operation adds, if that is what it does; else None."""
    if activation_of(operation) is hard_sigmoid_x6:
        return 3.0
    if not isinstance(operation, keras.layers.Rescaling) or np.any(
        np.not_equal(operation.scale, 1)
    ):
        return None
    return operation.offset if np.any(operation.offset) else None


def _product(makers: Sequence[Any], fused: Sequence[Call]) -> Kernel:
    def kernel(y: Any, operands: Sequence[Any], out: Grid) -> Any:
        first, second = (grid(*maker.range()) for maker in makers)
        product = first.integers(operands[0]) * second.integers(operands[1])
        factor = first.stored * second.stored / out.stored
        return out.values(_rectified(ops.cast(product, "float32") * factor, fused, out))

    return kernel


_ARITHMETIC: dict[str, Callable[..., Kernel]] = {
    "Add": _sum,
    "Subtract": functools.partial(_sum, sign=-1.0),
    "Multiply": _product,
}


def _rectified(integers: Any, fused: Sequence[Call], out: Grid) -> Any:
    """Returns steps of the output behind the ReLU that is part of a sum's or product's kernel."""
    for operation in (call.operation for call in fused):
        if not (is_relu(operation) or activation_of(operation) is hard_sigmoid_x6):
            continue
        integers = ops.relu(integers)
        functions = (keras.activations.relu6, hard_sigmoid_x6)
        if getattr(operation, "max_value", None) or activation_of(operation) in functions:
            integers = ops.minimum(integers, ops.round(6.0 / out.stored))
    return integers


def _call(x: keras.KerasTensor) -> Call:
    """Returns the call that has made a tensor of a model."""
    operation, index, _ = x._keras_history
    node = operation._inbound_nodes[index]
    return Call(operation, node.arguments.args, node.arguments.kwargs, node.outputs)


def _is_fused(operation: keras.Operation) -> bool:
    """Whether an operation has no kernel of its own where nothing is rounded before it."""
    gate = activation_of(operation) is hard_sigmoid_x6
    return gate or is_relu(operation) or _is_normalization(operation)


def _is_normalization(operation: keras.Operation) -> bool:
    return isinstance(operation, FreezableBatchNormalization)


def _rounded_by(x: keras.KerasTensor, rounding: type[keras.Layer]) -> Any:
    """Returns the layer that has rounded a tensor, before it was only moved; or None."""
    while True:
        call = _call(x)
        if isinstance(call.operation, rounding):
            return call.operation
        rule = rule_of(call)
        if rule is None or rule.output not in (Output.SAME, Output.JOINED) or not call.inputs:
            return None
        x = call.inputs[0]


def _scale_and_shift(layer: FreezableBatchNormalization) -> tuple[Any, Any]:
    mean, variance = (ops.cast(v.value, _WIDE) for v in (layer.moving_mean, layer.moving_variance))
    factor = 1.0 / ops.sqrt(variance + layer.epsilon)
    if layer.scale:
        factor = factor * ops.cast(layer.gamma.value, _WIDE)
    shift = -mean * factor
    return factor, shift + ops.cast(layer.beta.value, _WIDE) if layer.center else shift


def _narrow(x: Any) -> Any:
    """Returns numbers of double precision that are float32 ones."""
    return ops.cast(ops.cast(x, "float32"), _WIDE)
