"""Concatenation, whose inputs and output have one range."""

from typing import Any

from keras import layers

from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.operations.kind import (
    JOINED,
    Int8Form,
    OperationKind,
    Rewriting,
    always,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker

_MOST = 5  # that XNNPACK joins at once


def _has_many(call: Call) -> bool:
    return len(call.inputs) > _MOST


def _as_several(maker: Maker, inputs: list[Any], axis: int | None = None) -> Any:
    """Returns a concatenation of concatenations, each of few inputs."""
    axis = maker.operation.axis if axis is None else axis
    number = 0
    while len(inputs) > _MOST:
        joined = []
        for start in range(0, len(inputs), _MOST):
            part = inputs[start : start + _MOST]
            if len(part) > 1:
                number += 1
                make = lambda name: layers.Concatenate(axis, name=name)  # noqa: E731
                part = [maker.layer(f"part_{number}", make)(part)]
            joined.extend(part)
        inputs = joined
    return maker.layer("", lambda name: layers.Concatenate(axis, name=name))(inputs)


_JOINED = Int8Form(always(JOINED), frozenset({"CONCATENATION"}), rounds)
_SEVERAL = (Rewriting(_has_many, _as_several),)
KINDS = (
    OperationKind((layers.Concatenate,), always(Planner.sum), _JOINED, rewritings=_SEVERAL),
    OperationKind(("Concatenate",), always(Planner.nothing), _JOINED, rewritings=_SEVERAL),
)
