"""Resizing and upsampling: nearest moves values, bilinear rounds new ones."""

from typing import Any

from keras import layers, ops

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

_FACTORS = (2, 3, 4)
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


def _repeats_evenly(call: Call) -> bool:
    """Whether the factor is one for which copies become channels, and these pixels."""
    layer = call.operation
    height, width = layer.size
    return _repeats(call) and height == width and height in _FACTORS


def _as_copies(maker: Maker, x: Any) -> Any:
    factor = maker.operation.size[0]
    if factor == 2:
        copies = maker.layer("copies", lambda name: layers.Concatenate(name=name))([x] * 4)
    else:  # XNNPACK joins up to four
        row = maker.layer("row", lambda name: layers.Concatenate(name=name))([x] * factor)
        copies = maker.layer("copies", lambda name: layers.Concatenate(name=name))([row] * factor)
    return ops.depth_to_space(copies, factor)


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
        rewritings=(
            Rewriting(_repeats_evenly, _as_copies),
            Rewriting(_repeats, _as_resizing),
        ),
    ),
)
