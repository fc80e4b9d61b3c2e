"""Pooling: averages are rounded, maxima are not."""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.grid import Grid, Kernel
from keras_cv_course.quantization.operations.kind import (
    OWN,
    ROUNDED,
    SAME,
    Int8Form,
    Making,
    OperationKind,
    Rule,
    always,
    rounds,
)

_HALVES = 1024.0


def _average(y: Any, operands: Sequence[Any], out: Grid) -> Any:
    """Returns the averages of integers as TFLite rounds them: halves away from 0 of int8."""
    zero = out.least + 128.0
    # Averages of up to a dozen numbers; what floats add to them must not decide halves.
    integers = ops.round((y / out.stored - zero) * _HALVES) / _HALVES
    return out.values(ops.sign(integers) * ops.floor(ops.abs(integers) + 0.5) + zero)


def _averaged(making: Making) -> Kernel:
    return _average


def _rounding_of_window(call: Call) -> Rule:
    return SAME if tuple(call.operation.pool_size) == (1, 1) else ROUNDED


def _rounding_of_mean(call: Call) -> Rule:
    is_of_one_pixel = call.operation.keepdims and call.inputs[0].shape[1:3] == (1, 1)
    return SAME if is_of_one_pixel else OWN


_MEAN = Int8Form(_rounding_of_mean, frozenset({"MEAN"}), rounds)
KINDS = (
    OperationKind(
        (layers.AveragePooling2D,),
        always(Planner.homogeneous),
        Int8Form(_rounding_of_window, frozenset({"AVERAGE_POOL_2D"}), _averaged),
    ),
    OperationKind((layers.GlobalAveragePooling2D,), always(Planner.homogeneous), _MEAN),
    OperationKind(("Mean",), always(Planner.nothing), _MEAN),
    OperationKind(
        (layers.MaxPooling2D,),
        always(Planner.homogeneous),
        Int8Form(always(SAME), frozenset({"MAX_POOL_2D"}), rounds),
    ),
    OperationKind(
        (layers.GlobalMaxPooling2D,),
        always(Planner.homogeneous),
        Int8Form(always(SAME), frozenset({"REDUCE_MAX"}), rounds),
    ),
    OperationKind(
        ("Max",),
        always(Planner.nothing),
        Int8Form(always(SAME), frozenset({"REDUCE_MAX"}), rounds),
    ),
)
