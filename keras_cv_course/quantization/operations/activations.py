"""Activations with a kernel of their own, and swish, a product with one."""

from typing import Any

import keras
from keras import layers

from keras_cv_course.ops.activations import absolute
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.graph import Call, operator
from keras_cv_course.quantization.operations.kind import (
    OWN,
    Int8Form,
    OperationKind,
    Output,
    Rewriting,
    Rule,
    always,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker, operator_form
from keras_cv_course.quantization.scale_bounds import of_logits

_UNIT = Rule(Output.FIXED, (0.0, 255 / 256))
_SIGNED = Rule(Output.FIXED, (-1.0, 127 / 128))


def _as_product(maker: Maker, x: Any, suffix: str = "") -> Any:
    gate = maker.activation(keras.activations.sigmoid, x, f"{suffix}_gate".strip("_"))
    return maker.layer(suffix, lambda name: layers.Multiply(name=name))([x, gate])


def _as_softmax(maker: Maker, x: Any, suffix: str = "") -> Any:
    return maker.layer(suffix, lambda name: layers.Softmax(name=name))(x)


def _as_unit(maker: Maker, x: Any, suffix: str = "") -> Any:
    return maker.layer(suffix, lambda name: layers.Activation(l2_normalize, name=name))(x)


def _is_unit(call: Call) -> bool:
    operation, last = call.operation, len(call.inputs[0].shape) - 1
    if operator(operation) == "Normalize":
        return bool(operation.order == 2 and operation.axis % (last + 1) == last)
    return operation.axis in (-1, last)


def _kind(member: Any, rule: Rule, operator_name: str, **more: Any) -> OperationKind:
    form = Int8Form(always(rule), frozenset({operator_name}), rounds, **more)
    return OperationKind((member,), always(Planner.nothing), form)


def _written(member: Any, write: Any, applies: Any = None) -> OperationKind:
    rewriting = Rewriting(applies or always(True), write)
    return OperationKind((member,), always(Planner.nothing), rewritings=(rewriting,))


def _operator(name: str, function: Any) -> OperationKind:
    return OperationKind((name,), always(Planner.nothing), rewritings=(operator_form(function),))


KINDS = (
    _kind(absolute, OWN, "ABS"),
    _kind("Absolute", OWN, "ABS"),
    _kind(keras.activations.gelu, OWN, "GELU"),
    _kind("Gelu", OWN, "GELU"),
    _kind(keras.activations.sigmoid, _UNIT, "LOGISTIC"),
    _operator("Sigmoid", keras.activations.sigmoid),
    _kind(keras.activations.tanh, _SIGNED, "TANH"),
    _operator("Tanh", keras.activations.tanh),
    _kind(layers.Softmax, _UNIT, "SOFTMAX", bounds={"SOFTMAX": of_logits}),
    _kind("Softmax", _UNIT, "SOFTMAX", bounds={"SOFTMAX": of_logits}),
    _written(keras.activations.softmax, _as_softmax),
    _written(keras.activations.silu, _as_product),
    _operator("Silu", keras.activations.silu),
    _kind(l2_normalize, _SIGNED, "L2_NORMALIZATION"),
    _written(layers.UnitNormalization, _as_unit, _is_unit),
    _written("Normalize", _as_unit, _is_unit),
)
