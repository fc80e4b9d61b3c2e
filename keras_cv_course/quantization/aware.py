"""Quantization-aware training: a float model becomes one that trains as its int8 file computes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_cv_course._unique_names import unique_names
from keras_cv_course._validation import check_choice
from keras_cv_course.networks.specs import pixel_range
from keras_cv_course.quantization.calibration import calibrate, rounding_layers
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.quantization.graph import (
    Call,
    Copies,
    Graph,
    as_functional,
    remake,
    run,
    tensors,
    trace,
)
from keras_cv_course.quantization.inputs import with_float_inputs
from keras_cv_course.quantization.islands import float_islands
from keras_cv_course.quantization.keep_float import KeepFloat
from keras_cv_course.quantization.kernels import float_weights
from keras_cv_course.quantization.operations import float_layer
from keras_cv_course.quantization.placement import place_ranges
from keras_cv_course.quantization.rewriting import rewrite_with_gains
from keras_cv_course.quantization.rounding_writer import write_rounding


def quantize_aware(
    model: keras.Model,
    calibration_data: Any = None,
    keep_float: Sequence[str] = (),
    depthwise_per_channel: bool = True,
    input_range: tuple[float, float] | None = None,
) -> keras.Model:
    """Returns a model that computes in int8 steps, to be trained like any other.

    It has the inputs, outputs and weights of `model`, with float32 for uint8 inputs, and rounds
    kernels and activations where the int8 file will round them: once for each operation of the
    file. Compile and fit it (a few epochs at a tenth of the first rate), then pass it to
    `tflite.convert`, which takes over its ranges and needs no calibration data. In inference it
    computes what XNNPACK will, see `integer_kernels`.

    Args:
        model: Functional or built Sequential model, which may hold others; it is not changed.
            Constant factors and swish are rewritten first as for every int8 file.
        calibration_data: Typical inputs, see `calibrate`; about 100 samples. None leaves the
            ranges to the first batch of training.
        keep_float: Names of layers that stay in float; those that declare it, see
            `quantization.islands`, do in any case.
        depthwise_per_channel: Whether each channel of a depthwise kernel has its own step. False
            is tfmot's way, for comparison; such a model does not convert.
        input_range: Smallest and largest value of all inputs, that of pixels, so that an exported
            file with uint8 inputs takes pixels as they are; calibration data of another range is
            refused. None is what is known of a model of images, as in `tflite.convert`, (0, 255)
            for inputs of uint8, and is measured for others.

    Raises:
        TypeError: If the model or one inside it is subclassed.
        ValueError: If a layer has no int8 form, is not float32, or is unknown to `keep_float`, or
            if `input_range` does not hold 0 or is empty.

    Reference:
        Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference, arXiv:1712.05877.

    Example:
        >>> aware = quantize_aware(model, calibration_data=images[:100])
        >>> aware.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
        >>> aware.fit(images, labels, epochs=3, callbacks=[FreezeRanges(2)])
        >>> convert(aware, "model.tflite")
    """
    model = as_functional(model)
    check_not_aware_inside(model)
    if is_quantize_aware(model):
        raise ValueError(
            f"`model` must be a float model. Received: {model.name!r}, which is quantization-aware "
            "already. Train it, or get the float model back with `strip`."
        )
    if isinstance(keep_float, str):
        raise TypeError(f"`keep_float` must be a sequence of names. Received: {keep_float!r}.")
    layer_names = [call.operation.name for call in trace(model).calls]
    for name in keep_float:
        check_choice("keep_float", name, layer_names)
    input_range = pixel_range(model, input_range)
    network, input_ranges = with_float_inputs(model, input_range)
    keep_float = (*keep_float, *float_islands(network))
    ready, gains = rewrite_with_gains(network, keep_float)
    _check_float32(ready)
    graph = trace(ready)
    placement = place_ranges(graph, keep_float, input_ranges, layer_names)
    names = list(unique_names(network.output_names))
    aware = write_rounding(graph, placement, names, gains, depthwise_per_channel)
    if calibration_data is not None:
        calibrate(aware, calibration_data, input_range)
    return aware


def is_quantize_aware(model: keras.Model) -> bool:
    """Whether a functional model was made by `quantize_aware`."""
    return any(isinstance(operation, FakeQuantize) for operation in model.operations)


def strip(model: keras.Model) -> keras.Model:
    """Returns the float model with the weights that quantization-aware training has given it.

    Its layers are those of Keras. Swish, separable convolutions and constant factors stay as
    `quantize_aware` has rewritten them.

    Args:
        model: What `quantize_aware` has returned, before or after training.

    Raises:
        ValueError: If the model is not quantization-aware.
    """
    return without_rounding(model, lambda layer, x: x, float_weights)


def without_rounding(
    model: keras.Model,
    at_range: Callable[[FakeQuantize, keras.KerasTensor], Any],
    weights: Callable[[keras.Layer], list[np.ndarray]],
) -> keras.Model:
    """Returns the float model, with something else where a quantization-aware one rounds.

    Args:
        model: What `quantize_aware` has returned.
        at_range: Gets the layer that rounds and its input, and returns what replaces its output.
        weights: Returns the weights that the float form of a layer gets.

    Raises:
        ValueError: If the model is not quantization-aware.
    """
    rounding_layers(model)
    graph = trace(model)
    names = _names_before(graph)

    def float_form(operation: keras.Operation) -> keras.Operation:
        kind = float_layer(operation)
        leave_out = ("frozen", "input_gain", "per_channel") if kind else ()
        name = names.get(id(operation), operation.name)
        return remake(operation, kind, leave_out, name=name)

    copies = Copies(float_form)

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        if isinstance(call.operation, FakeQuantize):
            return at_range(call.operation, args[0])
        if isinstance(call.operation, KeepFloat):
            return args[0]
        return copies.of(call.operation)(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    copies.set_weights(weights)
    return keras.Model(graph.inputs, outputs, name=model.name)


def float_layers(model: keras.Model) -> list[str]:
    """Returns the names of the layers that a quantization-aware model keeps in float."""
    graph = trace(model)
    names = _names_before(graph)
    producers = {id(y): call.operation for call in graph.calls for y in tensors(call.outputs)}
    operations = (
        producers[id(call.inputs[0])]
        for call in graph.calls
        if isinstance(call.operation, KeepFloat)
    )
    return list(dict.fromkeys(names.get(id(operation), operation.name) for operation in operations))


def _names_before(graph: Graph) -> dict[int, str]:
    """Returns the names of the operations that make the outputs, before those were rounded."""
    producers = {id(y): call for call in graph.calls for y in tensors(call.outputs)}
    names: dict[int, str] = {}
    for y in tensors(graph.outputs):
        call: Call | None = producers[id(y)]
        name = producers[id(y)].operation.name
        while call is not None and isinstance(call.operation, FakeQuantize | KeepFloat):
            call = producers.get(id(call.inputs[0]))
        if call is not None and name not in names.values():
            names[id(call.operation)] = name
    return names


def check_convertible(model: keras.Model) -> keras.Model:
    """Returns a model that can become a file, as far as other things than operations go.

    Args:
        model: Functional model, which may hold others.

    Raises:
        ValueError: If a layer does not compute in float32, or a quantization-aware model is inside.
    """
    check_not_aware_inside(model)
    _check_float32(model)
    return model


def check_not_aware_inside(model: keras.Model) -> None:
    """Raises ValueError if a quantization-aware model is inside of another."""
    for inner in _models_inside(model):
        if is_quantize_aware(inner):
            raise ValueError(
                "`model` must be what `quantize_aware` has returned, and nothing around it. "
                f"Received: {model.name!r} with the quantization-aware model {inner.name!r} "
                f"inside. Convert {inner.name!r} itself, or put the layers around the float model, "
                "and make that quantization-aware."
            )


def _models_inside(model: keras.Model) -> Iterator[keras.Model]:
    for operation in as_functional(model).operations:
        if isinstance(operation, keras.Model):
            functional = as_functional(operation)
            yield functional
            yield from _models_inside(functional)


def _check_float32(model: keras.Model) -> None:
    for part in (model, *_models_inside(model)):
        for operation in part.operations:
            policy = getattr(operation, "dtype_policy", None)
            if isinstance(operation, keras.Model | keras.layers.InputLayer) or policy is None:
                continue
            if policy.compute_dtype != "float32" and "float" in policy.compute_dtype:
                raise ValueError(
                    "`model` must compute in float32: integers are made from it, and files compute "
                    f"in it. Received: layer {operation.name!r} with dtype policy {policy.name!r}. "
                    'Build the model with keras.config.set_dtype_policy("float32") and load the '
                    "weights."
                )
