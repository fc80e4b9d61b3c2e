"""ReLU and ReLU6, in the kernel before them or by themselves."""

from typing import Any

import keras
from keras import layers

from keras_cv_course.quantization.gains import GainRule, Planner
from keras_cv_course.quantization.graph import Call, activation_of
from keras_cv_course.quantization.operations.kind import (
    OWN,
    Int8Form,
    OperationKind,
    Rewriting,
    Rule,
    always,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker, operator_form

_SIX = 6.0
_FUNCTIONS = (keras.activations.relu, keras.activations.relu6)


def is_relu(operation: Any) -> bool:
    """Whether a ReLU layer or an activation is a ReLU or ReLU6, which other kernels can hold."""
    if activation_of(operation) is not None:
        return activation_of(operation) in _FUNCTIONS
    return bool(
        operation.negative_slope == 0
        and operation.threshold == 0
        and operation.max_value in (None, _SIX)
    )


def largest_output(operation: Any) -> float | None:
    """Returns 6 for a ReLU6, and None for a ReLU."""
    is_six = activation_of(operation) is keras.activations.relu6
    return _SIX if is_six or getattr(operation, "max_value", None) else None


def _is_in_kernel(rule: Rule, operation: Any) -> bool:
    return rule.takes_relu and is_relu(operation)


def _is_homogeneous(layer: Any) -> bool:
    return layer.max_value is None and layer.threshold == 0


def _is_leaky(call: Call) -> bool:
    return call.operation.negative_slope > 0 and _is_homogeneous(call.operation)


def _as_leaky(maker: Maker, x: Any) -> Any:
    slope = maker.operation.negative_slope
    return maker.layer("", lambda name: layers.LeakyReLU(slope, name=name))(x)


def _gain_of_layer(call: Call) -> GainRule:
    return Planner.homogeneous if _is_homogeneous(call.operation) else Planner.nothing


_INT8 = Int8Form(
    lambda call: OWN if is_relu(call.operation) else None,
    frozenset({"RELU", "RELU6"}),
    rounds,
    taken_by=_is_in_kernel,
)
KINDS = (
    OperationKind(
        (layers.ReLU,), _gain_of_layer, _INT8, rewritings=(Rewriting(_is_leaky, _as_leaky),)
    ),
    OperationKind((keras.activations.relu,), always(Planner.homogeneous), _INT8),
    OperationKind((keras.activations.relu6,), always(Planner.nothing), _INT8),
    OperationKind(
        ("Relu",),
        always(Planner.nothing),
        rewritings=(operator_form(keras.activations.relu),),
    ),
    OperationKind(
        ("Relu6",),
        always(Planner.nothing),
        rewritings=(operator_form(keras.activations.relu6),),
    ),
)
