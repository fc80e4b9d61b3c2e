"""The graph pass that turns every batch normalization into weights of a linear layer."""

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.quantization.graph import (
    Call,
    Graph,
    as_functional,
    is_exactly,
    readers_of,
    remake,
    run,
    tensors,
    trace,
)

FOLDED_INTO = (layers.Conv2D, layers.Conv2DTranspose, layers.Dense, layers.DepthwiseConv2D)


def fold_batch_normalization(model: keras.Model) -> keras.Model:
    """Returns a model that computes what `model` does in inference, without its normalizations.

    One behind a convolution or dense layer goes into that layer's kernel and bias. A lone one
    (before a convolution, as in ResNetV2 and DenseNet) becomes a 1×1 depthwise convolution: one
    int8 operation that takes a ReLU along, instead of a product and a sum with constants.

    Args:
        model: Functional or built Sequential model; it is not changed.

    Returns:
        A functional model that shares nothing with `model`; `model` itself where there is nothing
        to fold. Normalizations over another axis than the last stay.

    Raises:
        TypeError: If the model or one inside it is subclassed.
    """
    if not _has_normalization(model):
        return model
    graph = trace(model)
    folded = folded_normalizations(graph)
    normalization_of = {
        id(folded[id(call)].operation): call.operation for call in graph.calls if id(call) in folded
    }
    made: dict[int, keras.Layer] = {}

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        operation = call.operation
        if id(call) in folded:
            return args[0]
        if id(operation) in normalization_of:
            if id(operation) not in made:
                made[id(operation)] = _with_normalization(
                    operation, normalization_of[id(operation)], call.inputs[0]
                )
            return made[id(operation)](*args, **kwargs)
        if _normalizes_last_axis(call):
            return _as_depthwise(call, args[0], made)
        return operation(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)


def folded_normalizations(graph: Graph) -> dict[int, Call]:
    """Returns the calls of linear layers whose weights take the normalization behind them.

    The key is the id of the normalization's call. Shared layers must be called as often.
    """
    readers = readers_of(graph)
    makers: dict[int, Call] = {}
    for call in graph.calls:
        for y in tensors(call.outputs):
            reader = readers[id(y)][0] if len(readers[id(y)]) == 1 else None
            if reader is not None and _takes(call.operation) and _normalizes_last_axis(reader):
                makers[id(reader)] = call
    times_called = Counter(id(call.operation) for call in graph.calls)
    pairs = Counter(
        (id(makers[id(call)].operation), id(call.operation))
        for call in graph.calls
        if id(call) in makers
    )
    return {
        id(call): makers[id(call)]
        for call in graph.calls
        if id(call) in makers
        and pairs[id(makers[id(call)].operation), id(call.operation)]
        == times_called[id(call.operation)]
        == times_called[id(makers[id(call)].operation)]
    }


def is_batch_normalization(operation: keras.Operation) -> bool:
    """Whether the operation is a batch normalization."""
    return is_exactly(operation, layers.BatchNormalization)


def _takes(layer: keras.Operation) -> bool:
    """Whether a layer can multiply and shift its channels without another operation."""
    return (
        is_exactly(layer, *FOLDED_INTO)
        and layer.activation is keras.activations.linear
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and not getattr(layer, "lora_enabled", False)
    )


def _has_normalization(model: keras.Model) -> bool:
    return any(
        _has_normalization(operation)
        if isinstance(operation, keras.Model)
        else is_batch_normalization(operation)
        for operation in as_functional(model).operations
    )


def _normalizes_last_axis(call: Call) -> bool:
    operation = call.operation
    if not is_batch_normalization(operation):
        return False
    rank = len(call.inputs[0].shape)
    return rank in (2, 4) and operation.axis % rank == rank - 1


def _scale_and_offset(layer: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the normalization multiplies with and adds, one a channel, float64."""
    mean, variance = (np.float64(v) for v in (layer.moving_mean, layer.moving_variance))
    scale = 1.0 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.float64(layer.gamma)
    offset = np.float64(layer.beta) if layer.center else np.zeros_like(scale)
    return scale, offset - mean * scale


def _with_normalization(
    layer: keras.Layer, normalization: keras.Layer, x: keras.KerasTensor
) -> keras.Layer:
    """Returns a copy of a linear layer that normalizes too."""
    scale, offset = _scale_and_offset(normalization)
    kernel, *bias = layer.get_weights()
    if bias:
        offset = offset + bias[0] * scale
    if isinstance(layer, layers.DepthwiseConv2D):
        along_kernel = scale.reshape(kernel.shape[2:])
    elif isinstance(layer, layers.Conv2DTranspose):
        along_kernel = scale[:, np.newaxis]  # (height, width, filters, channels)
    else:
        along_kernel = scale
    folded = remake(layer, use_bias=True)
    folded.build(x.shape)
    folded.set_weights([kernel * along_kernel, offset])
    return folded


def _as_depthwise(call: Call, x: Any, made: dict[int, keras.Layer]) -> Any:
    """Returns the normalized x by a depthwise layer that is made once for each normalization."""
    normalization = call.operation
    channels = x.shape[-1]
    is_vector = len(x.shape) == 2
    if is_vector:
        x = layers.Reshape((1, 1, channels))(x)
    if id(normalization) not in made:
        scale, offset = _scale_and_offset(normalization)
        layer = layers.DepthwiseConv2D(1, name=normalization.name)
        layer.build(x.shape)
        layer.set_weights([scale.reshape(1, 1, channels, 1), offset])
        made[id(normalization)] = layer
    y = made[id(normalization)](x)
    return layers.Reshape((channels,))(y) if is_vector else y
