"""The graph pass that lets a head of 1×1 convolutions work on vectors."""

from collections import Counter, defaultdict
from typing import Any

import keras
from keras import layers

from keras_cv_course.quantization.graph import (
    Call,
    Graph,
    as_functional,
    is_exactly,
    run,
    tensors,
    trace,
)

_ELEMENTWISE = (layers.Activation, layers.Dropout, layers.LeakyReLU, layers.ReLU)


def vectorize_head(model: keras.Model) -> keras.Model:
    """Returns a model with the same outputs, whose 1×1 convolutions after pooling are dense.

    Heads of MobileNet and MobileNetV3 pool to a 1×1 map, convolve it, and reshape the scores to
    a vector. Pooled to a vector at once, the convolutions are dense layers with the same weights,
    and the reshape is gone from the exported graph.

    Args:
        model: Functional or built Sequential model; it is not changed.

    Returns:
        A functional model that shares nothing with `model`; `model` itself where no such head is.

    Raises:
        TypeError: If the model or one inside it is subclassed.
    """
    if not any(_pools_to_map(operation) for operation in as_functional(model).operations):
        return model
    graph = trace(model)
    vectors = _vectors(graph)
    if not vectors:
        return model
    made: dict[int, keras.Layer] = {}

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        if id(call.inputs[0]) in vectors and _flattens(call):
            return tensors((args, kwargs))[0]
        operation = call.operation
        if id(tensors(call.outputs)[0]) in vectors and not _is_elementwise(operation):
            operation = _on_vectors(operation)
            made[id(call.operation)] = operation
        return operation(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    for call in graph.calls:
        if id(call.operation) in made and isinstance(call.operation, layers.Conv2D):
            kernel, *bias = call.operation.get_weights()
            made[id(call.operation)].set_weights([kernel[0, 0], *bias])
    return keras.Model(graph.inputs, outputs, name=model.name)


def _vectors(graph: Graph) -> set[int]:
    """Returns the ids of the 1×1 maps that can be vectors, all that is made of them included."""
    readers: dict[int, list[Call]] = defaultdict(list)
    for call in graph.calls:
        for x in call.inputs:
            readers[id(x)].append(call)
    times_called = Counter(id(call.operation) for call in graph.calls)
    outputs = {id(y) for y in tensors(graph.outputs)}
    vectors: set[int] = set()

    def can_be_vector(x: keras.KerasTensor) -> bool:
        return (
            id(x) not in outputs
            and bool(readers[id(x)])
            and all(_flattens(call) or can_follow(call) for call in readers[id(x)])
        )

    def can_follow(call: Call) -> bool:
        once = times_called[id(call.operation)] == 1
        fits = _is_elementwise(call.operation) or (once and _is_pointwise(call.operation))
        return fits and can_be_vector(call.outputs)

    def add(x: keras.KerasTensor) -> None:
        vectors.add(id(x))
        for call in readers[id(x)]:
            if not _flattens(call):
                add(call.outputs)

    for call in graph.calls:
        once = times_called[id(call.operation)] == 1
        if once and _pools_to_map(call.operation) and can_be_vector(call.outputs):
            add(call.outputs)
    return vectors


def _pools_to_map(operation: keras.Operation) -> bool:
    pools = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
    return (
        is_exactly(operation, *pools)
        and operation.keepdims
        and operation.data_format == "channels_last"
    )


def _flattens(call: Call) -> bool:
    return isinstance(call.operation, layers.Flatten | layers.Reshape) and (
        len(call.outputs.shape) == 2
    )


def _is_elementwise(operation: keras.Operation) -> bool:
    softmax = getattr(operation, "activation", None) is keras.activations.softmax
    return is_exactly(operation, *_ELEMENTWISE) and not softmax


def _is_pointwise(operation: keras.Operation) -> bool:
    """Whether the operation does to a 1×1 map what a dense layer does to a vector."""
    return (
        is_exactly(operation, layers.Conv2D)
        and tuple(operation.kernel_size) == (1, 1)
        and operation.groups == 1
        and operation.data_format == "channels_last"
        and operation.activation is not keras.activations.softmax
        and not operation.lora_enabled
    )


def _on_vectors(operation: keras.Layer) -> keras.Layer:
    """Returns the layer for vectors of a pooling or a 1×1 convolution."""
    shared: dict[str, Any] = {"name": operation.name, "dtype": operation.dtype_policy}
    if isinstance(operation, layers.Conv2D):
        return layers.Dense(
            operation.filters,
            activation=operation.activation,
            use_bias=operation.use_bias,
            **shared,
        )
    return type(operation)(**shared)
