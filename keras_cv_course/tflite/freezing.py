"""A Keras model as one TensorFlow function of fixed batch size with constants for variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from keras_cv_course.quantization.graph import input_names, output_names
from keras_cv_course.quantization.grouped import with_plain_groups


@dataclass(frozen=True)
class FrozenModel:
    """What the TFLite converter takes.

    Attributes:
        function: Concrete function of the model at batch size 1, in inference mode.
        inputs: Name of each input by that of its node in the function, in the function's order.
        outputs: Name of each output by that of its node in the function.
    """

    function: Any
    inputs: dict[str, str]
    outputs: dict[str, str]


def named_inputs(model: keras.Model, data: Any) -> dict[str, Any]:
    """Returns what a model takes, by the names of its inputs, in the model's order.

    Args:
        model: A Keras model.
        data: What stands for the only input, or a list or a dict by name for several.

    Raises:
        ValueError: If a list is too short or long, or a dict has other keys.
    """
    names = input_names(model)
    if isinstance(data, Mapping) and set(data) == set(names):
        return {name: data[name] for name in names}
    if len(names) == 1 and not isinstance(data, Mapping):
        return {names[0]: data}
    if isinstance(data, list | tuple) and len(data) == len(names):
        return dict(zip(names, data, strict=True))
    received = sorted(data) if isinstance(data, Mapping) else type(data).__name__
    raise ValueError(
        f"Data must be a list of {len(names)} arrays or a dict with the keys {list(names)}, for "
        f"the inputs of {model.name!r}. Received: {received}."
    )


def freeze(model: keras.Model, outputs: Sequence[str] | None = None) -> FrozenModel:
    """Returns the model at batch size 1 with its weights as constants.

    Going through a concrete function rather than a SavedModel saves most of the time of a
    conversion, and a fixed batch size all of its run-time shape arithmetic.

    Args:
        model: Functional or built Sequential model.
        outputs: Names of its outputs, if not those of its layers.

    Raises:
        ValueError: If an input has an unknown size, or an output is an input or another output.
    """
    for x in model.inputs:
        if None in x.shape[1:]:
            raise ValueError(
                f"`model` must have inputs of fixed size. Received: input {x.name!r} of shape "
                f"{tuple(x.shape)}. Build the model with input_shape=(height, width, channels)."
            )
    check_outputs(model)
    names, outputs = input_names(model), outputs or output_names(model)
    model = with_plain_groups(model)
    specs = [
        tf.TensorSpec((1, *x.shape[1:]), x.dtype, name=name)
        for x, name in zip(model.inputs, names, strict=True)
    ]

    @tf.function(input_signature=specs, autograph=False)
    def infer(*inputs: tf.Tensor) -> list[tf.Tensor]:
        scores = model(keras.tree.pack_sequence_as(model.input, inputs), training=False)
        return keras.tree.flatten(scores)

    return freeze_function(infer.get_concrete_function(), names, outputs)


def freeze_function(function: Any, inputs: Sequence[str], outputs: Sequence[str]) -> FrozenModel:
    """Returns a concrete function with constants for its variables.

    Args:
        function: What `tf.function(…).get_concrete_function()` returns, of fixed shapes.
        inputs: Names of its inputs.
        outputs: Names of its outputs.
    """
    constant = convert_variables_to_constants_v2(function)
    return FrozenModel(
        function=constant,
        inputs=_by_node(constant.inputs, inputs),
        outputs=_by_node(constant.outputs, outputs),
    )


def check_outputs(model: keras.Model) -> None:
    """Raises ValueError for outputs that the converter would merge, so that a name is lost."""
    own = {id(y) for y in model.outputs} - {id(x) for x in model.inputs}
    if len(own) < len(model.outputs):
        raise ValueError(
            "`model` must have outputs that are each the result of an operation of their own. "
            f"Received: outputs {list(output_names(model))}, of which one is an input or is there "
            "twice. Put a keras.layers.Rescaling(1.0) before it, or leave it out."
        )


def _by_node(tensors: Sequence[tf.Tensor], names: Sequence[str]) -> dict[str, str]:
    return {tensor.op.name: name for tensor, name in zip(tensors, names, strict=True)}
