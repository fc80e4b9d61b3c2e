"""Reads what a model carries of its meaning, and lets a model carry it."""

import dataclasses
from typing import Any

import keras

from keras_cv_course._validation import check_input_range
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.names import SPEC
from keras_cv_course.networks.input_range import PIXELS, takes_pixels
from keras_cv_course.specs.model_spec import ModelSpec

_IMAGE_RANK = 4  # (batch, height, width, channels)


def spec_of(model: keras.Model) -> ModelSpec:
    """Returns what a model records about its input and outputs.

    It is read from layers that have a `model_spec()`, like `SpecCarrier` and `BoxCodes`, and from a
    Rescaling in front, which takes pixels. What no layer records is None or empty.

    Args:
        model: Functional or Sequential model; one inside it counts where it gets the input.

    Example:
        >>> spec_of(MobileNetV2()).input_range
        (-1.0, 1.0)
    """
    spec = _declared(model).for_outputs(output_names(model))
    return spec.filled(ModelSpec(input_range=PIXELS)) if takes_pixels(model) else spec


def pixel_range(
    model: keras.Model, given: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Returns the range of all inputs of a model; None unless it is given, or known of images.

    Args:
        model: Functional or built Sequential model.
        given: Smallest and largest value, which outrank what is known.

    Raises:
        ValueError: If `given` does not hold 0 or is empty.
    """
    if given is not None:
        check_input_range(given)
        return given
    images = all(len(x.shape) == _IMAGE_RANK for x in model.inputs)
    return spec_of(model).input_range if images else None


def with_spec(model: keras.Model, **changes: Any) -> keras.Model:
    """Returns a model that carries a spec.

    Args:
        model: Functional or Sequential model. One of this package carries a spec already, which is
            changed in place; of others the result is a copy with the same weights.
        **changes: Fields of `ModelSpec`. `outputs` are those of the model where `task` is given.

    Raises:
        ValueError: If a value is out of its range, or the model has several inputs.

    Example:
        >>> model = with_spec(model, task="classify", class_names=("cat", "dog"))
        >>> model.save("pets.keras")
        >>> spec_of(load_model("pets.keras")).class_names
        ('cat', 'dog')
    """
    if "task" in changes:
        changes = {"outputs": output_names(model), **changes}
    spec = dataclasses.replace(spec_of(model), **changes)
    carriers = [layer for layer in model.layers if isinstance(layer, SpecCarrier)]
    if carriers and _reads_input(model, carriers[0]):
        carriers[0].spec = spec
        return model
    if len(model.inputs) != 1:
        raise ValueError(
            "`model` must have one input, an image, to carry a spec. Received: "
            f"{model.name!r} with {len(model.inputs)} inputs."
        )
    return _carrying(model, SpecCarrier(spec, name=SPEC))


def output_names(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of a model's outputs: the keys of a dict, else the names of its layers."""
    if isinstance(model, keras.Sequential):
        return (model.layers[-1].name,)
    if isinstance(model.output, dict):
        return tuple(model.output)
    return tuple(model.output_names)


def _carrying(model: keras.Model, carrier: SpecCarrier) -> keras.Model:
    """Returns a copy of a model with the layer behind its input."""
    source = model.inputs[0]
    image = keras.Input(batch_shape=source.shape, dtype=source.dtype, name=source.name)
    carried = carrier(image)

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        args = keras.tree.map_structure(lambda x: carried if x is image else x, args)
        return layer(*args, **kwargs)

    copy = keras.models.clone_model(
        _functional(model), input_tensors=image, call_function=call, clone_function=_copied
    )
    copy.set_weights(model.get_weights())
    return copy


def _copied(layer: keras.Layer) -> keras.Layer:
    return layer.__class__.from_config(layer.get_config())


def _functional(model: keras.Model) -> keras.Model:
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs, name=model.name)
    return model


def _declared(model: keras.Model) -> ModelSpec:
    spec = ModelSpec()
    for layer in model.layers:
        if isinstance(layer, SpecCarrier) and not _reads_input(model, layer):
            continue  # Layers before it may give it other values than the model gets.
        if hasattr(layer, "model_spec"):
            spec = spec.filled(layer.model_spec())
        elif isinstance(layer, keras.Model) and _reads_input(model, layer):
            inner = _declared(layer)
            spec = spec.filled(ModelSpec(input_range=inner.input_range, resize=inner.resize))
    return spec


def _reads_input(model: keras.Model, layer: keras.Layer) -> bool:
    """Whether a layer gets a model's input, as it is or rounded."""
    inputs = {id(x) for x in model.inputs}
    waiting = [x for node in layer._inbound_nodes for x in node.input_tensors]
    while waiting:
        x = waiting.pop()
        if id(x) in inputs:
            return True
        maker = x._keras_history.operation
        if getattr(maker, "keeps_values", False):
            waiting += [y for node in maker._inbound_nodes for y in node.input_tensors]
    return False
