"""Quantization-aware training: a float model becomes one that trains as its int8 file computes."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course._validation import check_choice
from keras_cv_course.quantization.calibration import calibrate, rounding_layers
from keras_cv_course.quantization.fake_quantization import FakeQuantize, KeepFloat
from keras_cv_course.quantization.gains import is_exactly
from keras_cv_course.quantization.graph import (
    Call,
    Graph,
    as_functional,
    free_name,
    remake,
    run,
    tensors,
    trace,
)
from keras_cv_course.quantization.integer_kernels import has_integer_arithmetic
from keras_cv_course.quantization.kernels import FLOAT, INT8
from keras_cv_course.quantization.placement import Placement, place_ranges
from keras_cv_course.quantization.rewriting import rewrite_for_integers


def quantize_aware(
    model: keras.Model,
    calibration_data: Any = None,
    keep_float: Sequence[str] = (),
    depthwise_per_channel: bool = True,
) -> keras.Model:
    """Returns a model that computes in int8 steps, to be trained like any other.

    It has the inputs, outputs and weights of `model`, and rounds kernels and activations where the
    int8 file will round them: once for each operation of the file. Compile and fit it (a few
    epochs at a tenth of the first rate), then hand it to `tflite.convert`, which takes over its
    ranges and needs no calibration data.

    Args:
        model: Functional or built Sequential model, which may hold others; it is left as it is.
            Constant factors and swish are rewritten first as for every int8 file.
        calibration_data: Typical inputs, see `calibrate`; about 100 samples. None leaves the
            ranges to the first batch of training.
        keep_float: Names of layers that stay in float.
        depthwise_per_channel: Whether each channel of a depthwise kernel has its own step. False
            is tfmot's way, for comparison; such a model does not convert.

    Raises:
        TypeError: If the model or one inside it is subclassed.
        ValueError: If a layer has no int8 form, is not float32, or is unknown to `keep_float`.

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
    if is_quantize_aware(model):
        raise ValueError(
            f"`model` must be a float model. Received: {model.name!r}, which is quantization-aware "
            "already. Train it, or get the float model back with `strip`."
        )
    if isinstance(keep_float, str):
        raise TypeError(f"`keep_float` must be a sequence of names. Received: {keep_float!r}.")
    for name in keep_float:
        check_choice("keep_float", name, [c.operation.name for c in trace(model).calls])
    ready = rewrite_for_integers(model, keep_float)
    _check_float32(ready)
    graph = trace(ready)
    placement = place_ranges(graph, keep_float)
    names = [y._keras_history.operation.name for y in model.outputs]
    aware = _Writer(graph, placement, names, depthwise_per_channel).model()
    if calibration_data is not None:
        calibrate(aware, calibration_data)
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
    return without_rounding(model, lambda layer, x: x, keras.Layer.get_weights)


def without_rounding(
    model: keras.Model,
    at_range: Callable[[FakeQuantize, keras.KerasTensor], Any],
    weights: Callable[[keras.Layer], list[np.ndarray]],
) -> keras.Model:
    """Returns the float model, with something else where a quantization-aware one rounds.

    Args:
        model: What `quantize_aware` has returned.
        at_range: Gets the layer that rounds and its input, and returns what stands for its output.
        weights: Returns the weights that the float form of a layer gets.

    Raises:
        ValueError: If the model is not quantization-aware.
    """
    rounding_layers(model)
    graph = trace(model)
    names = _names_before(graph)

    def float_form(operation: keras.Operation) -> keras.Operation:
        kind = FLOAT.get(type(operation))
        leave_out = ("frozen", "per_channel") if kind else ()
        name = names.get(id(operation), operation.name)
        return remake(operation, kind, leave_out, name=name)

    copies = _Copies(float_form)

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
    kept = (
        producers[id(call.inputs[0])]
        for call in graph.calls
        if isinstance(call.operation, KeepFloat)
    )
    return list(dict.fromkeys(names.get(id(operation), operation.name) for operation in kept))


class _Copies:
    """Makes one layer for each layer of a graph, however often that is called."""

    def __init__(self, make: Callable[[keras.Operation], keras.Operation]) -> None:
        self._make = make
        self._made: dict[int, tuple[keras.Operation, keras.Operation]] = {}

    def of(self, operation: keras.Operation) -> keras.Operation:
        if id(operation) not in self._made:
            self._made[id(operation)] = operation, self._make(operation)
        return self._made[id(operation)][1]

    def set_weights(
        self, weights: Callable[[keras.Layer], list[np.ndarray]] = keras.Layer.get_weights
    ) -> None:
        """Copies the weights, once the copies were called and so have variables."""
        for old, new in self._made.values():
            if isinstance(old, keras.Layer) and old.weights:
                new.set_weights(weights(old))


class _Writer:
    """Writes a graph of primitives with rounding at its places."""

    def __init__(
        self, graph: Graph, placement: Placement, names: list[str], depthwise_per_channel: bool
    ) -> None:
        self._graph = graph
        self._roundings = placement.roundings
        self._inside = placement.inside
        self._kept = placement.kept
        self._depthwise_per_channel = depthwise_per_channel
        self._kept_layers = {id(c.operation) for c in graph.calls if id(c) in self._kept}
        inputs = {id(x) for x in tensors(graph.inputs)}
        self._output_names = {
            id(y): name
            for y, name in zip(tensors(graph.outputs), names, strict=True)
            if id(y) not in inputs  # An input that is an output, too, has its name already.
        }
        self._taken = {*names, *(call.operation.name for call in graph.calls)}
        self._rounders: dict[int, FakeQuantize] = {}
        self._operands: dict[int, list[Any]] = {}
        self._copies = _Copies(self._int8_form)

    def model(self) -> keras.Model:
        inputs = tensors(self._graph.inputs)
        rounded = [self._round(x, x) for x in inputs]
        outputs = run(self._graph, rounded, self._write)
        self._copies.set_weights()
        outputs = keras.tree.map_structure(self._name, self._graph.outputs, outputs)
        return keras.Model(self._graph.inputs, outputs, name=self._graph.name)

    def _write(self, call: Call, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(
            lambda x: _rounded_constant(x) if isinstance(x, np.ndarray) else x, (args, kwargs)
        )
        outputs = self._copies.of(call.operation)(*args, **kwargs)
        if id(call) in self._kept:
            outputs = keras.tree.map_structure(self._mark, outputs)
        operands = self._operands_of(call, tensors((args, kwargs)))
        return keras.tree.map_structure(
            lambda old, new: self._round(old, new, operands), call.outputs, outputs
        )

    def _operands_of(self, call: Call, inputs: list[Any]) -> list[Any]:
        """Returns the terms or factors of which a call, with what is before it, makes one."""
        operands = inputs if has_integer_arithmetic(call) else []
        operands = self._operands.get(id(call.inputs[0]), operands)
        self._operands.update(
            (id(y), operands) for y in tensors(call.outputs) if id(y) in self._inside
        )
        return operands

    def _mark(self, y: keras.KerasTensor) -> Any:
        return KeepFloat(name=free_name(f"{y._keras_history.operation.name}_float", self._taken))(y)

    def _round(
        self, old: keras.KerasTensor, new: keras.KerasTensor, operands: Sequence[Any] = ()
    ) -> Any:
        rounding = self._roundings.get(id(old))
        if rounding is None:
            return new
        range_ = rounding.range
        if id(range_) not in self._rounders:
            name = self._output_names.get(id(old))
            if name is None or any(name == r.name for r in self._rounders.values()):
                name = free_name(f"{range_.name}_range", self._taken)
            self._rounders[id(range_)] = FakeQuantize(
                max(range_.sites, 1),
                fixed_range=range_.fixed,
                exact=self._depthwise_per_channel,  # tfmot's way has no such kernel
                name=name,
            )
        options = {"operands": list(operands)} if operands else {}
        return self._rounders[id(range_)](new, site=rounding.site, **options)

    def _int8_form(self, operation: keras.Operation) -> keras.Operation:
        changes: dict[str, Any] = {"name": self._inner_name(operation)}
        if id(operation) in self._kept_layers:
            return remake(operation, **changes)
        if is_exactly(operation, layers.Rescaling):
            changes["scale"] = _rounded_constant(operation.scale)
            changes["offset"] = _rounded_constant(operation.offset)
        elif is_exactly(operation, layers.DepthwiseConv2D):
            changes["per_channel"] = self._depthwise_per_channel
        return remake(operation, INT8.get(type(operation)), **changes)

    def _inner_name(self, operation: keras.Operation) -> str:
        """Returns another name where the model's output needs the operation's."""
        name: str = operation.name
        if name not in self._output_names.values():
            return name
        return free_name(f"{name}_{type(operation).__name__.lower()}", self._taken)

    def _name(self, old: keras.KerasTensor, new: keras.KerasTensor) -> Any:
        """Returns an output that is called as it was in the float model."""
        name = self._output_names.get(id(old))
        if name is None or new._keras_history.operation.name == name:
            return new
        return layers.Identity(name=name)(new)


def _rounded_constant(value: Any) -> Any:
    """Returns numbers as the file holds them: int8 steps of the range from their least to largest.

    A single number lies on its own grid.
    """
    numbers = np.asarray(value, np.float64)
    if numbers.size == 1:
        return value
    low, high = min(numbers.min(), 0.0), max(numbers.max(), 0.0)
    step = (high - low) / 255 or 1.0
    zero = np.round(-low / step)
    rounded = (np.clip(np.round(numbers / step) + zero, 0, 255) - zero) * step
    return rounded.astype(value.dtype) if isinstance(value, np.ndarray) else rounded.tolist()


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


def _check_float32(model: keras.Model) -> None:
    for operation in model.operations:
        policy = getattr(operation, "dtype_policy", None)
        if policy is not None and policy.compute_dtype != "float32":
            raise ValueError(
                "`model` must compute in float32, since rounding to int8 needs the accuracy. "
                f"Received: layer {operation.name!r} with dtype policy {policy.name!r}. Build the "
                'model with keras.config.set_dtype_policy("float32") and load the weights.'
            )
