"""The graph pass that lets a head of 1×1 convolutions work on vectors."""

from collections import defaultdict
from typing import Any

import keras
from keras import layers

from keras_cv_course.quantization.graph import Call, Graph, as_functional, run, tensors, trace

_ELEMENTWISE = (layers.Activation, layers.Dropout, layers.LeakyReLU, layers.ReLU)


def vectorize_head(model: keras.Model) -> keras.Model:
    """Returns a model with the same outputs, whose 1×1 convolutions after pooling are dense.

    Heads of MobileNet and MobileNetV3 pool to a 1×1 map, convolve it, and reshape the scores to
    a vector. Pooled to a vector at once, the convolutions are dense layers with the same weights,
    and the reshape is gone from the exported graph.

    Args:
        model: Functional or built Sequential model; it is left as it is.

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
    made: dict[str, keras.Layer] = {}

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        if id(call.inputs[0]) in vectors and _flattens(call):
            return args[0]
        if id(tensors(call.outputs)[0]) not in vectors:
            return call.operation(*args, **kwargs)
        layer = _on_vectors(call.operation)
        return made.setdefault(layer.name, layer)(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    for call in graph.calls:
        if call.operation.name in made and isinstance(call.operation, layers.Conv2D):
            kernel, *bias = call.operation.get_weights()
            made[call.operation.name].set_weights([kernel[0, 0], *bias])
    return keras.Model(graph.inputs, outputs, name=model.name)


def _vectors(graph: Graph) -> set[int]:
    """Returns the ids of the 1×1 maps that can be vectors, all that is made of them included."""
    readers: dict[int, list[Call]] = defaultdict(list)
    for call in graph.calls:
        for x in call.inputs:
            readers[id(x)].append(call)
    outputs = {id(y) for y in tensors(graph.outputs)}
    vectors: set[int] = set()

    def can_be_vector(x: keras.KerasTensor) -> bool:
        return (
            id(x) not in outputs
            and bool(readers[id(x)])
            and all(_flattens(call) or can_follow(call) for call in readers[id(x)])
        )

    def can_follow(call: Call) -> bool:
        return _is_pointwise(call.operation) and can_be_vector(call.outputs)

    def add(x: keras.KerasTensor) -> None:
        vectors.add(id(x))
        for call in readers[id(x)]:
            if not _flattens(call):
                add(call.outputs)

    for call in graph.calls:
        if _pools_to_map(call.operation) and can_be_vector(call.outputs):
            add(call.outputs)
    return vectors


def _pools_to_map(operation: keras.Operation) -> bool:
    pools = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
    return isinstance(operation, pools) and operation.keepdims


def _flattens(call: Call) -> bool:
    return isinstance(call.operation, layers.Flatten | layers.Reshape) and (
        len(call.outputs.shape) == 2
    )


def _is_pointwise(operation: keras.Operation) -> bool:
    """Whether the operation does to a 1×1 map what a layer of the same weights does to a vector."""
    if type(operation) is layers.Conv2D:
        return tuple(operation.kernel_size) == (1, 1) and operation.groups == 1
    if isinstance(operation, layers.Activation):
        return operation.activation is not keras.activations.softmax
    return isinstance(operation, _ELEMENTWISE)


def _on_vectors(operation: keras.Layer) -> keras.Layer:
    if _pools_to_map(operation):
        return type(operation)(name=operation.name)
    if isinstance(operation, layers.Conv2D):
        return layers.Dense(
            operation.filters,
            activation=operation.activation,
            use_bias=operation.use_bias,
            name=operation.name,
        )
    return type(operation).from_config(operation.get_config())
