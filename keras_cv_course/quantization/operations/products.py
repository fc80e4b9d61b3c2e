"""Products of two tensors, and of a tensor and constants."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_cv_course.quantization.gains import Gain, GainRule, Planner, is_float
from keras_cv_course.quantization.graph import Call, operator
from keras_cv_course.quantization.grid import Grid, Kernel, grid, nearest
from keras_cv_course.quantization.operations.kind import (
    ARITHMETIC,
    Factored,
    Int8Form,
    Making,
    OperationKind,
    Rewriting,
    Rule,
    always,
)
from keras_cv_course.quantization.operations.making import Maker
from keras_cv_course.quantization.operations.sums import rectified


def constant_factor(call: Call) -> float | None:
    """Returns the positive number that the call multiplies one tensor with, or None.

    Knows `x * c`, `c * x` and `x / c`.
    """
    if len(call.inputs) != 1 or len(call.args) != 2 or not is_float(call):
        return None
    x, y = call.args
    constant = x if isinstance(y, keras.KerasTensor) else y
    if not isinstance(constant, int | float) or constant <= 0:
        return None
    if operator(call.operation) == "Multiply":
        return float(constant)
    return None if constant is x else 1.0 / constant


def _product(making: Making) -> Kernel:
    if not making.has_operands:
        return nearest

    def kernel(y: Any, operands: Sequence[Any], out: Grid) -> Any:
        first, second = (grid(*maker.range()) for maker in making.makers)
        product = first.integers(operands[0]) * second.integers(operands[1])
        factor = first.stored * second.stored / out.stored
        return out.values(rectified(ops.cast(product, "float32") * factor, making.fused, out))

    return kernel


def _has_factor(call: Call) -> bool:
    return constant_factor(call) is not None


def _gain_of_operator(call: Call) -> GainRule:
    factor = constant_factor(call)
    if factor is not None:
        return partial(_without_factor, factor)
    is_product = operator(call.operation) == "Multiply" and len(call.inputs) == 2
    return Planner.product if is_product else Planner.nothing


def _without_factor(factor: float, planner: Planner, call: Call) -> Gain:
    return planner.gain(call.inputs[0]) / factor


def _leave_out(writer: Any, call: Call, *args: Any) -> Any:
    return next(x for x in args if isinstance(x, keras.KerasTensor))


def _is_array(call: Call) -> bool:
    """Whether the call is `x * c`, `c * x` or `x / c` for numbers that its result is as large as.

    One number above 0 is left to `gains`.
    """
    if len(call.inputs) != 1 or len(call.args) != 2:
        return False
    if constant_factor(call) is not None or not is_float(call):
        return False
    x, y = call.args
    divides = operator(call.operation) == "TrueDivide"
    if divides and not isinstance(x, keras.KerasTensor):
        return False
    constant = keras.ops.convert_to_numpy(y if isinstance(x, keras.KerasTensor) else x)
    divides_by_0 = divides and not np.all(constant)
    has_shape_of_input = tuple(call.outputs.shape) == tuple(call.inputs[0].shape)
    return not divides_by_0 and constant.ndim < len(call.outputs.shape) and has_shape_of_input


def _as_rescaling(maker: Maker, x: Any, y: Any) -> Any:
    x, factor = (x, y) if isinstance(x, keras.KerasTensor) else (y, x)
    scale = keras.ops.convert_to_numpy(factor).astype(np.float64)
    if operator(maker.operation) == "TrueDivide":
        scale = 1.0 / scale
    return maker.layer("", lambda name: layers.Rescaling(scale.tolist(), name=name))(x)


def _as_negative(maker: Maker, x: Any) -> Any:
    return maker.layer("", lambda name: layers.Rescaling(-1.0, name=name))(x)


def _is_power_of_2(call: Call) -> bool:
    return (
        len(call.inputs) == 1
        and len(call.args) == 2
        and call.inputs[0] is call.args[0]
        and bool(call.args[1] == 2)
    )


def _as_square(maker: Maker, x: Any, *exponent: Any) -> Any:
    return maker.layer("", lambda name: layers.Multiply(name=name))([x, x])


def _has_several(call: Call) -> bool:
    return len(call.inputs) > 2


def _split_several(maker: Maker, inputs: list[Any]) -> Any:
    return maker.by_pairs(layers.Multiply, inputs)


def _rounding_of_operator(call: Call) -> Rule | None:
    # None for one by constants that could not be brought into another form.
    return ARITHMETIC if len(call.inputs) == 2 else None


def _reads_two(call: Call) -> bool:
    return len(call.inputs) == 2


_OPERATORS = frozenset({"MUL"})
_ARRAY = Rewriting(_is_array, _as_rescaling)
_FACTOR = Factored(_has_factor, _leave_out)
KINDS = (
    OperationKind(
        (layers.Multiply,),
        always(Planner.product),
        Int8Form(always(ARITHMETIC), _OPERATORS, _product, reads_operands=_reads_two),
        rewritings=(Rewriting(_has_several, _split_several),),
    ),
    OperationKind(
        ("Multiply",),
        _gain_of_operator,
        Int8Form(_rounding_of_operator, _OPERATORS, _product, reads_operands=_reads_two),
        rewritings=(_ARRAY,),
        factored=_FACTOR,
    ),
    OperationKind(("TrueDivide",), _gain_of_operator, rewritings=(_ARRAY,), factored=_FACTOR),
    OperationKind(
        ("Negative",),
        always(Planner.nothing),
        rewritings=(Rewriting(always(True), _as_negative),),
    ),
    OperationKind(
        ("Square",), always(Planner.nothing), rewritings=(Rewriting(always(True), _as_square),)
    ),
    OperationKind(
        ("Power",), always(Planner.nothing), rewritings=(Rewriting(_is_power_of_2, _as_square),)
    ),
)
