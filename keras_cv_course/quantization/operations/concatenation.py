"""Concatenation, whose inputs and output have one range."""

from keras import layers

from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.operations.kind import (
    JOINED,
    Int8Form,
    OperationKind,
    always,
    rounds,
)

_JOINED = Int8Form(always(JOINED), frozenset({"CONCATENATION"}), rounds)
KINDS = (
    OperationKind((layers.Concatenate,), always(Planner.sum), _JOINED),
    OperationKind(("Concatenate",), always(Planner.nothing), _JOINED),
)
