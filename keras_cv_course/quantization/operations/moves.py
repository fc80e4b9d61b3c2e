"""Operations that move values, or leave them as they are, and round nothing."""

from typing import Any

import keras
from keras import layers

from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.quantization.gains import GainRule, Planner
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.operations.kind import (
    SAME,
    Int8Form,
    OperationKind,
    Rewriting,
    always,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker


def _kind(
    members: Any, gain: GainRule = Planner.nothing, operators: str = "", **more: Any
) -> OperationKind:
    form = Int8Form(always(SAME), frozenset(operators.split()), rounds)
    return OperationKind(members, always(gain), form, **more)


def _is_cast_to_itself(call: Call) -> bool:
    return bool(call.inputs[0].dtype == call.outputs.dtype)


def _as_input(maker: Maker, x: Any, *options: Any) -> Any:
    return x


KINDS = (
    _kind((keras.activations.linear, layers.Identity, SpecCarrier), Planner.homogeneous),
    _kind((BoxCodes,)),
    _kind((layers.Cropping2D,), Planner.homogeneous, "STRIDED_SLICE"),
    _kind((layers.ZeroPadding2D,), Planner.homogeneous, "PAD"),
    _kind((layers.Flatten, layers.Reshape), Planner.mixing, "RESHAPE"),
    _kind((layers.Permute,), Planner.mixing, "TRANSPOSE RESHAPE"),
    _kind(("DepthToSpace",), Planner.mixing, "DEPTH_TO_SPACE"),
    _kind(("SpaceToDepth",), Planner.mixing, "SPACE_TO_DEPTH"),
    _kind(("ExpandDims", "Reshape", "Squeeze"), operators="RESHAPE"),
    _kind(("GetItem",), operators="STRIDED_SLICE"),
    _kind(("Pad",), operators="PAD"),
    _kind(("Split",), operators="SPLIT"),
    _kind(("Transpose",), operators="TRANSPOSE"),
    _kind(("StopGradient",)),
    OperationKind(
        ("Cast",),
        always(Planner.nothing),
        rewritings=(Rewriting(_is_cast_to_itself, _as_input),),
    ),
)
