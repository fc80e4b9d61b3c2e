"""Hard-swish and hard-sigmoid, as `relu6(x + 3)` without their 1/6."""

from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.ops.activations import hard_sigmoid_x6
from keras_cv_course.quantization.gains import Gain, Planner
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.grid import Kernel, narrow
from keras_cv_course.quantization.operations.kind import (
    OWN,
    Factored,
    Int8Form,
    Making,
    OperationKind,
    Rule,
    always,
)
from keras_cv_course.quantization.operations.making import operator_form
from keras_cv_course.quantization.operations.sums import summed
from keras_cv_course.quantization.scale_bounds import of_terms

HARD_GAIN = np.array(6.0)
_OFFSET = 3.0


def without_sixth(planner: Planner, call: Call) -> Gain:
    """Gain rule of what is written without its 1/6."""
    planner.nothing(call)
    return HARD_GAIN


def _write_gate(writer: Any, call: Call, x: Any) -> Any:
    return writer.instead_of(call.operation, "", layers.Activation, hard_sigmoid_x6)(x)


def _write_swish(writer: Any, call: Call, x: Any) -> Any:
    gate = writer.instead_of(call.operation, "gate", layers.Activation, hard_sigmoid_x6)
    return writer.instead_of(call.operation, "", layers.Multiply)([x, gate(x)])


def _sum_with_3(making: Making) -> Kernel:
    return summed(making, constant=_OFFSET)


def _folded(operation: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
    return scale, narrow(offset) + _OFFSET


def _is_in_kernel(rule: Rule, operation: Any) -> bool:
    return rule.takes_constants and rule.takes_relu


KINDS = (
    OperationKind(
        (keras.activations.hard_silu,),
        always(without_sixth),
        factored=Factored(always(True), _write_swish),
    ),
    OperationKind(
        (keras.activations.hard_sigmoid,),
        always(without_sixth),
        factored=Factored(always(True), _write_gate),
    ),
    OperationKind(
        (hard_sigmoid_x6,),
        always(Planner.nothing),
        Int8Form(
            always(OWN),
            frozenset({"ADD", "HARD_SWISH"}),
            _sum_with_3,
            reads_operands=always(True),
            taken_by=_is_in_kernel,
            folded=_folded,
            bounds={"ADD": of_terms},
        ),
    ),
    OperationKind(
        ("HardSilu",),
        always(Planner.nothing),
        rewritings=(operator_form(keras.activations.hard_silu),),
    ),
    OperationKind(
        ("HardSigmoid",),
        always(Planner.nothing),
        rewritings=(operator_form(keras.activations.hard_sigmoid),),
    ),
)
