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
    Rewriting,
    Rule,
    always,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker

_HALVES = 1024.0


def _average(y: Any, operands: Sequence[Any], out: Grid) -> Any:
    """Returns the averages of integers as TFLite rounds them: halves away from 0 of int8."""
    zero = out.least + 128.0
    # Averages of up to a dozen numbers; what floats add to them must not decide halves.
    integers = ops.round((y / out.stored - zero) * _HALVES) / _HALVES
    return out.values(ops.sign(integers) * ops.floor(ops.abs(integers) + 0.5) + zero)


def _averaged(making: Making) -> Kernel:
    return _average


def _has_no_padding(call: Call) -> bool:
    """Whether a pooling reads nothing but its input, of which the size is known."""
    layer, sizes = call.operation, call.inputs[0].shape[1:3]
    if layer.data_format != "channels_last" or None in sizes:
        return False
    lengths = zip(sizes, layer.pool_size, layer.strides, strict=True)
    return layer.padding == "valid" or all(
        (-(-length // stride) - 1) * stride + size <= length for length, size, stride in lengths
    )


def _averages(call: Call) -> bool:
    """Whether an average has a form that XNNPACK runs: it leaves AVERAGE_POOL_2D to others."""
    return _has_no_padding(call) and tuple(call.operation.pool_size) != (1, 1)


def _as_depthwise(maker: Maker, x: Any) -> Any:
    size = maker.operation.pool_size
    return maker.depthwise(x, 1 / (size[0] * size[1]), size, maker.operation.strides)


def _picks(call: Call) -> bool:
    """Whether a maximum is that of one pixel, every second one: XNNPACK leaves that to others."""
    layer = call.operation
    single = tuple(layer.pool_size) == (1, 1) and tuple(layer.strides) != (1, 1)
    return single and _has_no_padding(call)


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
        rewritings=(Rewriting(_averages, _as_depthwise),),
    ),
    OperationKind((layers.GlobalAveragePooling2D,), always(Planner.homogeneous), _MEAN),
    OperationKind(("Mean",), always(Planner.nothing), _MEAN),
    OperationKind(
        (layers.MaxPooling2D,),
        always(Planner.homogeneous),
        Int8Form(always(SAME), frozenset({"MAX_POOL_2D"}), rounds),
        rewritings=(Rewriting(_picks, _as_depthwise),),
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
