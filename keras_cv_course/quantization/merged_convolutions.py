"""The graph pass that makes one convolution of a 1×1 one and a depthwise one behind it."""

from collections import Counter
from collections.abc import Collection
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.quantization.graph import (
    Call,
    is_exactly,
    readers_of,
    remake,
    run,
    tensors,
    trace,
)


def merge_convolutions(model: keras.Model, keep: Collection[str] = ()) -> keras.Model:
    """Returns a model with the same outputs, in which a 1×1 convolution reads each window at once.

    A depthwise convolution whose windows lie side by side, as the average of DenseNet's
    transitions is written, and a 1×1 convolution before it are one convolution with the size and
    strides of the windows: as many multiplications, one operation and one rounding less.

    Args:
        model: Functional model of primitives without batch normalization; it is left as it is.
        keep: Names of layers that stay as they are.
    """
    graph = trace(model)
    readers = readers_of(graph)
    called = Counter(id(call.operation) for call in graph.calls)
    windows: dict[int, Call] = {}  # by the id of the 1×1 convolution
    for call in graph.calls:
        if not _is_pointwise(call):
            continue
        behind = readers[id(tensors(call.outputs)[0])]
        reader = behind[0] if len(behind) == 1 else None
        if reader is None or called[id(call.operation)] + called[id(reader.operation)] != 2:
            continue
        is_kept = not {call.operation.name, reader.operation.name}.isdisjoint(keep)
        if not is_kept and _lies_side_by_side(reader):
            windows[id(call.operation)] = reader
    merged = {id(window.operation) for window in windows.values()}

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        if id(call.operation) in merged:
            return args[0]
        if id(call.operation) in windows:
            return _merged(call, windows[id(call.operation)].operation)(*args, **kwargs)
        return call.operation(*args, **kwargs)

    if not windows:
        return model
    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)


def _is_plain(layer: Any) -> bool:
    return (
        layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and tuple(layer.dilation_rate) == (1, 1)
        and not getattr(layer, "lora_enabled", False)
    )


def _is_pointwise(call: Call) -> bool:
    layer = call.operation
    return (
        is_exactly(layer, layers.Conv2D)
        and _is_plain(layer)
        and tuple(layer.kernel_size) == tuple(layer.strides) == (1, 1)
        and layer.groups == 1
    )


def _lies_side_by_side(call: Call) -> bool:
    layer = call.operation
    return (
        is_exactly(layer, layers.DepthwiseConv2D)
        and _is_plain(layer)
        and tuple(layer.kernel_size) == tuple(layer.strides) != (1, 1)
        and layer.depth_multiplier == 1
        and layer.padding == "valid"
    )


def _merged(call: Call, window: layers.DepthwiseConv2D) -> keras.Layer:
    """Returns the convolution that reads a window of each channel, and adds the channels up."""
    kernel, *bias = (np.asarray(w, np.float64) for w in call.operation.get_weights())
    weights, *offset = (np.asarray(w, np.float64) for w in window.get_weights())
    weights = weights[..., 0]  # (height, width, filters)
    copy = remake(
        call.operation,
        kernel_size=window.kernel_size,
        strides=window.strides,
        padding="valid",
        use_bias=True,
    )
    copy.build(call.inputs[0].shape)
    constant = (bias[0] if bias else 0.0) * weights.sum((0, 1)) + (offset[0] if offset else 0.0)
    copy.set_weights([kernel[0, 0] * weights[:, :, np.newaxis], constant])
    return copy
