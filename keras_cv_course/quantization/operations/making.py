"""Makes the layers that an operation is rewritten as."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course._unique_names import free_name
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.operations.kind import Rewriting


class Maker:
    """Makes the layers that one operation becomes, once for all of its calls.

    Args:
        operation: The operation.
        made: The layers that were made, by the id of their operation and the suffix of their name.
        taken: Names that are taken.
        activations: How activations are written that are no operation of their own.
    """

    def __init__(
        self,
        operation: keras.Operation,
        made: dict[tuple[int, str], keras.Layer],
        taken: set[str],
        activations: Mapping[Any, Callable[..., Any]],
    ) -> None:
        self.operation = operation
        self._made = made
        self._taken = taken
        self._activations = activations

    def layer(self, suffix: str, make: Callable[[str], keras.Layer]) -> keras.Layer:
        """Returns the result of `make` for the operation's name with a suffix."""
        key = id(self.operation), suffix
        if key not in self._made:
            name = self.operation.name
            self._made[key] = make(free_name(f"{name}_{suffix}", self._taken) if suffix else name)
        return self._made[key]

    def by_pairs(self, kind: type[keras.Layer], inputs: list[Any], suffix: str = "") -> Any:
        """Returns a sum or product of several tensors, by layers of two inputs."""
        result = inputs[0]
        for i, x in enumerate(inputs[1:], 2):
            part = suffix if i == len(inputs) else f"{suffix}_{i}".strip("_")
            result = self.layer(part, lambda name: kind(name=name))([result, x])
        return result

    def depthwise(
        self, x: Any, weight: float, size: Any = 1, strides: Any = 1, suffix: str = ""
    ) -> Any:
        """Returns a depthwise convolution of x without padding whose weights are one constant."""

        def make(name: str) -> keras.Layer:
            layer = layers.DepthwiseConv2D(
                size, strides=strides, use_bias=False, trainable=False, name=name
            )
            layer.build(x.shape)
            layer.set_weights([np.full(layer.kernel.shape, weight)])
            return layer

        return self.layer(suffix, make)(x)

    def activation(self, function: Callable[..., Any], x: Any, suffix: str = "") -> Any:
        """Returns an activation of x, itself in operations that integer kernels have."""
        if function is keras.activations.linear:
            return x
        if function in self._activations:
            return self._activations[function](self, x, suffix)
        return self.layer(suffix, lambda name: layers.Activation(function, name=name))(x)


def operator_form(function: Callable[..., Any]) -> Rewriting:
    """Returns how an operator, e.g. `keras.ops.relu(x)`, is written as the activation that it is.

    Args:
        function: The activation.
    """
    return Rewriting(_has_no_options, lambda maker, x: maker.activation(function, x))


def _has_no_options(call: Call) -> bool:
    return len(call.args) == 1 and not call.kwargs
