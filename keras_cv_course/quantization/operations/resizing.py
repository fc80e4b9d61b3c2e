"""Resizing and upsampling: nearest moves values, bilinear rounds new ones."""

from typing import Any

from keras import layers

from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.operations.kind import (
    ROUNDED,
    SAME,
    Int8Form,
    OperationKind,
    Rewriting,
    Rule,
    always,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker

_RULES = {"nearest": SAME, "bilinear": ROUNDED}


def _rounding(call: Call) -> Rule | None:
    return _RULES.get(call.operation.interpolation)


def _repeats(call: Call) -> bool:
    """Whether the call repeats the pixels of a map of known size, which Keras does by tiling."""
    layer = call.operation
    return (
        layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
        and None not in call.inputs[0].shape[1:]
    )


def _as_resizing(maker: Maker, x: Any) -> Any:
    layer = maker.operation
    _, height, width, _ = layer.compute_output_shape(x.shape)
    make = lambda name: layers.Resizing(height, width, "nearest", name=name)  # noqa: E731
    return maker.layer(f"to_{height}x{width}", make)(x)


_RESIZED = Int8Form(_rounding, frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}), rounds)
KINDS = (
    OperationKind((layers.Resizing,), always(Planner.nothing), _RESIZED),
    OperationKind(
        (layers.UpSampling2D,),
        always(Planner.homogeneous),
        _RESIZED,
        rewritings=(Rewriting(_repeats, _as_resizing),),
    ),
)
