"""The graph pass that takes the subtraction of a mean into the bias of the next layer."""

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
from keras_cv_course.quantization.operations.rescaling import is_rescaling


def fold_offsets(model: keras.Model, keep: Collection[str] = ()) -> keras.Model:
    """Returns a model with the same outputs, whose constant offsets are biases where they can be.

    `x + c` before a convolution without padding, or a dense layer, is a part of that layer's bias.
    Where the convolution pads, its zeros mean other values without the offset, so it stays.

    Args:
        model: Functional model of primitives, in which scales are folded already, as of
            `fold_constant_factors`; it is not changed.
        keep: Names of layers that stay as they are.
    """
    if not any(is_exactly(operation, layers.Rescaling) for operation in model.operations):
        return model
    graph = trace(model)
    readers = readers_of(graph)
    called = Counter(id(call.operation) for call in graph.calls)
    offsets: dict[int, np.ndarray] = {}  # of a reader's input, by the id of its operation
    left_out: set[int] = set()
    for call in graph.calls:
        (y, *_) = tensors(call.outputs)
        if not _is_offset(call) or call.operation.name in keep:
            continue
        if all(
            reader is not None
            and reader.operation.name not in keep
            and called[id(reader.operation)] == 1
            and _has_no_padding(reader)
            for reader in readers[id(y)]
        ):
            left_out.add(id(call))
            offset = np.broadcast_to(np.float64(call.operation.offset), y.shape[-1:])
            offsets.update((id(reader.operation), offset) for reader in readers[id(y)] if reader)

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        if id(call) in left_out:
            return args[0]
        if id(call.operation) in offsets:
            return _with_offset(call, offsets[id(call.operation)])(*args, **kwargs)
        return call.operation(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)


def _is_offset(call: Call) -> bool:
    return is_rescaling(call) and bool(np.all(np.asarray(call.operation.scale) == 1))


def _has_no_padding(call: Call) -> bool:
    """Whether a linear layer reads nothing but its input, and can have a bias of its own."""
    layer = call.operation
    if getattr(layer, "lora_enabled", False):
        return False
    if is_exactly(layer, layers.Dense):
        return True
    if not is_exactly(layer, layers.Conv2D, layers.DepthwiseConv2D):
        return False
    inside = layer.padding == "valid" or tuple(layer.kernel_size) == (1, 1)
    return inside and layer.data_format == "channels_last"


def _with_offset(call: Call, offset: np.ndarray) -> keras.Layer:
    """Returns a copy of a linear layer that adds the offset to its input."""
    layer = call.operation
    kernel, *bias = (np.asarray(weight, np.float64) for weight in layer.get_weights())
    if is_exactly(layer, layers.Dense):
        added = offset @ kernel
    elif is_exactly(layer, layers.DepthwiseConv2D):
        added = np.ravel(kernel.sum((0, 1)) * offset[:, np.newaxis])  # (channels * multiplier,)
    else:
        inputs, filters = kernel.shape[2:]
        by_group = kernel.sum((0, 1)).reshape(inputs, layer.groups, filters // layer.groups)
        channels = offset.reshape(layer.groups, inputs)
        added = np.einsum("gc,cgf->gf", channels, by_group).ravel()
    copy = remake(layer, use_bias=True)
    copy.build(call.inputs[0].shape)
    copy.set_weights([kernel, added + (bias[0] if bias else 0.0)])
    return copy
