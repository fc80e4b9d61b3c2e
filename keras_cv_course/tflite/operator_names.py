"""Gives operators of a Keras model names that can be found in a file."""

from collections.abc import Collection
from typing import Any

import keras

from keras_cv_course.quantization.graph import Call, as_functional, run, tensors, trace


class NamedOperator(keras.layers.Layer):
    """Calls an operator, e.g. the one behind `x / y`, in the scope that a layer has.

    Args:
        operation: The operator.
        arguments: What it is called with besides tensors, with None for each of them: positional
            and keyword arguments.
        **kwargs: As in `keras.layers.Layer`.
    """

    def __init__(self, operation: keras.Operation, arguments: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.operation = operation
        self.arguments = arguments

    def call(self, *inputs: Any) -> Any:
        """Returns what the operator does to the tensors."""
        rest = iter(inputs)
        args, kwargs = keras.tree.map_structure(
            lambda x: next(rest) if x is None else x, self.arguments, none_is_leaf=True
        )
        return self.operation(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {
            "operation": self.operation,
            "arguments": self.arguments,
        }


def name_operators(model: keras.Model, names: Collection[str]) -> keras.Model:
    """Returns a model in which operators of these names are layers of these names.

    Args:
        model: Functional model.
        names: Names of layers and operators; without an operator among them, the model is returned.
    """

    def is_named(operation: keras.Operation) -> bool:
        return operation.name in names and not isinstance(operation, keras.layers.Layer)

    if not any(is_named(operation) for operation in as_functional(model).operations):
        return model
    graph = trace(model)
    made: dict[int, keras.Operation] = {}

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        operation = call.operation
        if is_named(operation):
            arguments = keras.tree.map_structure(
                lambda x: None if isinstance(x, keras.KerasTensor) else x, (args, kwargs)
            )
            layer = NamedOperator(operation, arguments, name=operation.name)
            return made.setdefault(id(operation), layer)(*tensors((args, kwargs)))
        return operation(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)
