"""A Keras model as one TensorFlow function of fixed batch size with constants for variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


@dataclass(frozen=True)
class FrozenModel:
    """What the TFLite converter takes.

    Attributes:
        function: Concrete function of the model at batch size 1, in inference mode.
        inputs: Names of the inputs, in the function's order.
        outputs: Names of the outputs, in the function's order.
    """

    function: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def input_names(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of a model's inputs: the keys of a dict, else the Input layers' names."""
    return _names(model.input, [x.name for x in model.inputs])


def output_names(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of a model's outputs: the keys of a dict, else their layers' names."""
    return _names(model.output, list(model.output_names))


def _names(structure: Any, names: list[str]) -> tuple[str, ...]:
    return tuple(structure) if isinstance(structure, Mapping) else tuple(names)


def freeze(model: keras.Model) -> FrozenModel:
    """Returns the model at batch size 1 with its weights as constants.

    Going through a concrete function rather than a SavedModel saves most of the time of a
    conversion, and a fixed batch size all of its run-time shape arithmetic.

    Args:
        model: Functional or built Sequential model.

    Raises:
        ValueError: If an input has an unknown size, or a size other than the batch differs
            from call to call.
    """
    for x in model.inputs:
        if None in x.shape[1:]:
            raise ValueError(
                f"`model` must have inputs of fixed size. Received: input {x.name!r} of shape "
                f"{tuple(x.shape)}. Build the model with input_shape=(height, width, channels)."
            )
    names = input_names(model)
    specs = [
        tf.TensorSpec((1, *x.shape[1:]), x.dtype, name=name)
        for x, name in zip(model.inputs, names, strict=True)
    ]

    @tf.function(input_signature=specs, autograph=False)
    def infer(*inputs: tf.Tensor) -> list[tf.Tensor]:
        outputs = model(keras.tree.pack_sequence_as(model.input, inputs), training=False)
        return keras.tree.flatten(outputs)

    constant = convert_variables_to_constants_v2(infer.get_concrete_function())
    return FrozenModel(constant, names, output_names(model))
