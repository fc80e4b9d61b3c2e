"""The graph pass that writes each convolution in groups as the one that kernels have."""

from typing import Any

import keras

from keras_cv_course.layers.grouped_convolution import GroupedConv2D
from keras_cv_course.quantization.graph import Call, as_functional, remake, run, tensors, trace


def with_plain_groups(model: keras.Model) -> keras.Model:
    """Returns a model with `keras.layers.Conv2D` for each `GroupedConv2D`; itself without one.

    What trains fast takes an operation for each part; a file takes one, whose filters read their
    group.

    Args:
        model: Functional or built Sequential model; it is left as it is.

    Raises:
        TypeError: If the model or one inside it is subclassed.
    """
    if not _has_groups(model):
        return model
    graph = trace(model)
    made: dict[int, keras.Layer] = {}

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        layer = call.operation
        if type(layer) is not GroupedConv2D:
            return layer(*args, **kwargs)
        if id(layer) not in made:
            plain = made[id(layer)] = remake(layer, keras.layers.Conv2D)
            plain.build(call.inputs[0].shape)
            plain.set_weights(layer.get_weights())
        return made[id(layer)](*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)


def _has_groups(model: keras.Model) -> bool:
    return any(
        _has_groups(operation)
        if isinstance(operation, keras.Model)
        else type(operation) is GroupedConv2D
        for operation in as_functional(model).operations
    )
