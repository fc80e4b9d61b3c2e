"""Constant factors and offsets, also those of input normalization."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.quantization.gains import Gain, GainRule, Planner, is_float
from keras_cv_course.quantization.graph import Call, is_exactly
from keras_cv_course.quantization.grid import Kernel, rounded_constant
from keras_cv_course.quantization.operations.kind import (
    ARITHMETIC,
    SAME,
    Factored,
    Int8Form,
    Making,
    OperationKind,
    Rewriting,
    Rule,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker
from keras_cv_course.quantization.operations.sums import summed
from keras_cv_course.quantization.scale_bounds import of_terms


def is_rescaling(call: Call) -> bool:
    """Whether the call is a Rescaling with scales above 0."""
    operation = call.operation
    return (
        is_exactly(operation, layers.Rescaling)
        and is_float(call)
        and _is_per_channel(operation)
        and bool(np.all(np.asarray(operation.scale) > 0))
    )


def _is_per_channel(layer: Any) -> bool:
    return np.ndim(layer.scale) <= 1 and np.ndim(layer.offset) <= 1


def _is_normalization(call: Call) -> bool:
    """Whether the call is no inverse of a normalization, and of the last axis."""
    layer = call.operation
    if layer.invert or not is_float(call):
        return False
    last = len(call.inputs[0].shape) - 1
    return tuple(axis % (last + 1) for axis in layer.axis) in ((), (last,))


def _statistics(layer: layers.Normalization) -> tuple[Gain, Gain]:
    """Returns mean and standard deviation of a Normalization layer, one a channel."""
    mean, variance = np.ravel(layer.mean), np.ravel(layer.variance)
    deviation = np.maximum(np.sqrt(variance.astype(np.float64)), keras.config.epsilon())
    return mean.astype(np.float64), deviation


def _gain_of_rescaling(planner: Planner, call: Call) -> Gain:
    planner.take_original_if_shared(call)
    return planner.received(call) / np.asarray(call.operation.scale, np.float64)


def _gain_of_normalization(planner: Planner, call: Call) -> Gain:
    planner.take_original_if_shared(call)
    return planner.received(call) * _statistics(call.operation)[1]


def _if(test: Callable[[Call], bool], rule: GainRule) -> Callable[[Call], GainRule]:
    return lambda call: rule if test(call) else Planner.nothing


def _write_offset_of_rescaling(writer: Any, call: Call, x: Any) -> Any:
    layer = call.operation
    offset = writer.received(call) * np.asarray(layer.offset, np.float64) / np.asarray(layer.scale)
    return _shift(writer, layer, offset)(x)


def _write_offset_of_normalization(writer: Any, call: Call, x: Any) -> Any:
    offset = -writer.received(call) * _statistics(call.operation)[0]
    return _shift(writer, call.operation, offset)(x)


def _shift(writer: Any, layer: Any, offset: Any) -> Any:
    """Returns what is left of a layer without its scale."""
    if not np.any(offset):
        return writer.instead_of(layer, "", layers.Identity)
    return writer.instead_of(layer, "", layers.Rescaling, 1.0, offset.tolist())


def _is_affine(call: Call) -> bool:
    layer = call.operation
    return bool(np.any(np.asarray(layer.offset) != 0) and np.any(np.asarray(layer.scale) != 1))


def _split(maker: Maker, x: Any) -> Any:
    layer = maker.operation
    scaled = maker.layer("scale", lambda name: layers.Rescaling(layer.scale, name=name))(x)
    return maker.layer("", lambda name: layers.Rescaling(1.0, layer.offset, name=name))(scaled)


def _rounding(call: Call) -> Rule:
    layer = call.operation
    changes_nothing = np.all(np.equal(layer.scale, 1)) and np.all(np.equal(layer.offset, 0))
    return SAME if changes_nothing else ARITHMETIC


def _adds(call: Call) -> bool:
    """Whether the call is a sum with constants, and nothing else."""
    layer = call.operation
    return bool(np.all(np.equal(layer.scale, 1)) and np.any(layer.offset))


def _arithmetic(making: Making) -> Kernel:
    if not _adds(making.head.call):
        return rounds(making)
    return summed(making, constant=making.head.operation.offset)


def _is_in_kernel(rule: Rule, layer: Any) -> bool:
    return rule.takes_constants and _is_per_channel(layer)


def _folded(layer: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
    factor = np.asarray(layer.scale, np.float64)
    return scale * factor, offset * factor + np.asarray(layer.offset, np.float64)


def _constants(layer: Any) -> dict[str, Any]:
    return {"scale": rounded_constant(layer.scale), "offset": rounded_constant(layer.offset)}


KINDS = (
    OperationKind(
        (layers.Rescaling,),
        _if(is_rescaling, _gain_of_rescaling),
        Int8Form(
            _rounding,
            frozenset({"ADD", "MUL"}),
            _arithmetic,
            reads_operands=_adds,
            taken_by=_is_in_kernel,
            folded=_folded,
            constants=_constants,
            bounds={"ADD": of_terms},
        ),
        rewritings=(Rewriting(_is_affine, _split),),
        factored=Factored(is_rescaling, _write_offset_of_rescaling),
    ),
    OperationKind(
        (layers.Normalization,),
        _if(_is_normalization, _gain_of_normalization),
        factored=Factored(_is_normalization, _write_offset_of_normalization),
    ),
)
