"""Sums and differences of two tensors; of more, two at a time."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_cv_course.layers.fractal_join import FractalJoin
from keras_cv_course.ops.activations import hard_sigmoid_x6
from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.graph import Call, activation_of, operator
from keras_cv_course.quantization.grid import WIDE, Grid, Kernel, grid, nearest
from keras_cv_course.quantization.operations.kind import (
    ARITHMETIC,
    Int8Form,
    Making,
    OperationKind,
    Part,
    Rewriting,
    always,
)
from keras_cv_course.quantization.operations.making import Maker
from keras_cv_course.quantization.operations.relu import largest_output
from keras_cv_course.quantization.scale_bounds import of_terms

_MULTIPLIER_BITS = 20  # of XNNPACK's sum


def summed(making: Making, sign: float = 1.0, constant: Any = None) -> Kernel:
    """Returns the kernel of a sum or difference of two tensors, or of one and a constant."""
    if not making.has_operands:
        return nearest
    parts = making.fused if constant is None else (making.head, *making.fused)

    def kernel(y: Any, operands: Sequence[Any], out: Grid) -> Any:
        grids, terms = [grid(*maker.range()) for maker in making.makers], list(operands)
        if constant is not None:
            grids.append(grid(min(np.min(constant), 0.0), max(np.max(constant), 0.0)))
            terms.append(ops.convert_to_tensor(constant, "float32"))
        ratios = [ops.cast(g.stored / out.stored, WIDE) for g in grids]
        shift = 2.0 ** (_MULTIPLIER_BITS - ops.floor(ops.log2(ops.maximum(*ratios))))
        first, second = (
            g.integers(x) * ops.round(ratio * shift)
            for g, x, ratio in zip(grids, terms, ratios, strict=True)
        )
        total = ops.floor((first + sign * second) / shift + 0.5)
        return out.values(rectified(ops.cast(total, "float32"), parts, out))

    return kernel


def rectified(integers: Any, parts: Sequence[Part], out: Grid) -> Any:
    """Returns steps of the output behind the ReLU that is part of a sum's or product's kernel."""
    for operation in (part.operation for part in parts):
        if isinstance(operation, layers.Rescaling):
            continue
        integers = ops.relu(integers)
        gate = activation_of(operation) is hard_sigmoid_x6
        largest = 6.0 if gate else largest_output(operation)
        if largest is not None:
            integers = ops.minimum(integers, ops.round(largest / out.stored))
    return integers


def _split_several(maker: Maker, inputs: list[Any]) -> Any:
    return maker.by_pairs(type(maker.operation), inputs)


def _split_average(maker: Maker, inputs: list[Any]) -> Any:
    total = maker.by_pairs(layers.Add, inputs, "sum")
    factor = 1.0 / len(inputs)
    return maker.layer("", lambda name: layers.Rescaling(factor, name=name))(total)


def _has_several(call: Call) -> bool:
    return len(call.inputs) > 2


def _is_offset(call: Call) -> bool:
    """Whether the call is `x + c`, `c + x` or `x - c` for one number, or one a channel."""
    if len(call.inputs) != 1 or len(call.args) != 2:
        return False
    x, y = call.args
    if operator(call.operation) == "Subtract" and not isinstance(x, keras.KerasTensor):
        return False
    constant = y if isinstance(x, keras.KerasTensor) else x
    channels = call.inputs[0].shape[-1]
    return isinstance(constant, int | float | np.ndarray) and (
        np.shape(constant) in ((), (channels,)) and "float" in call.inputs[0].dtype
    )


def _as_offset(maker: Maker, x: Any, y: Any) -> Any:
    x, offset = (x, y) if isinstance(x, keras.KerasTensor) else (y, x)
    offset = np.asarray(offset, np.float64)
    if operator(maker.operation) == "Subtract":
        offset = -offset
    return maker.layer("", lambda name: layers.Rescaling(1.0, offset.tolist(), name=name))(x)


def _form(name: str, sign: float) -> Int8Form:
    return Int8Form(
        always(ARITHMETIC),
        frozenset({name}),
        lambda making: summed(making, sign),
        reads_operands=lambda call: len(call.inputs) == 2,
        bounds={name: of_terms},
    )


_SUM, _DIFFERENCE = _form("ADD", 1.0), _form("SUB", -1.0)
_OFFSET = Rewriting(_is_offset, _as_offset)
KINDS = (
    OperationKind(
        (layers.Add,),
        always(Planner.sum),
        _SUM,
        rewritings=(Rewriting(_has_several, _split_several),),
    ),
    OperationKind((layers.Subtract,), always(Planner.sum), _DIFFERENCE),
    OperationKind(("Add",), always(Planner.sum), _SUM, rewritings=(_OFFSET,)),
    OperationKind(("Subtract",), always(Planner.sum), _DIFFERENCE, rewritings=(_OFFSET,)),
    OperationKind(
        (layers.Average, FractalJoin),
        always(Planner.sum),
        rewritings=(Rewriting(always(True), _split_average),),
    ),
    OperationKind((layers.Maximum, layers.Minimum), always(Planner.sum)),
)
