"""Rewrites a graph with int8 rounding."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course._unique_names import free_name
from keras_cv_course.quantization.fake_quantization import INSIDE, FakeQuantize
from keras_cv_course.quantization.gains import ONE, Gain, along_inputs
from keras_cv_course.quantization.graph import (
    Call,
    Copies,
    Graph,
    is_exactly,
    remake,
    run,
    tensors,
)
from keras_cv_course.quantization.grid import rounded_constant
from keras_cv_course.quantization.integer_kernels import reads_operands
from keras_cv_course.quantization.islands import converts_alone
from keras_cv_course.quantization.keep_float import KeepFloat
from keras_cv_course.quantization.kernels import Int8Kernel
from keras_cv_course.quantization.operations import int8_layer, kind_of
from keras_cv_course.quantization.placement import Placement

# An input may be called after anything, a layer only after what TensorFlow takes for a scope.
_NO_SCOPE = re.compile(r"[^A-Za-z0-9_.\\/>-]")


def write_rounding(
    graph: Graph,
    placement: Placement,
    names: list[str],
    gains: Mapping[str, Gain],
    depthwise_per_channel: bool,
) -> keras.Model:
    """Returns a model that computes a graph in int8 steps, with the weights of the graph's layers.

    Args:
        graph: Graph of primitives.
        placement: Where it rounds.
        names: Names that the outputs have.
        gains: What kernels were divided by, by layer names: a constant of the layer from here on,
            so that an optimizer moves the kernel that the float model has.
        depthwise_per_channel: See `quantize_aware`.
    """
    return _Writer(graph, placement, names, gains, depthwise_per_channel).model()


class _Writer:
    """Writes a graph of primitives with rounding at its places."""

    def __init__(
        self,
        graph: Graph,
        placement: Placement,
        names: list[str],
        gains: Mapping[str, Gain],
        depthwise_per_channel: bool,
    ) -> None:
        self._graph = graph
        self._roundings = placement.roundings
        self._inside = placement.inside
        self._float_calls = placement.float_calls
        self._gains = gains
        self._depthwise_per_channel = depthwise_per_channel
        self._float_layers = {id(c.operation) for c in graph.calls if id(c) in self._float_calls}
        # Islands with a file of their own, of whose results nothing is rounded: they end the model.
        self._ends = {
            c.operation.name
            for c in graph.calls
            if converts_alone(c.operation)
            and not any(id(y) in self._roundings for y in tensors(c.outputs))
        }
        inputs = {id(x) for x in tensors(graph.inputs)}
        self._output_names = {
            id(y): name
            # A tensor that is there twice has its first name.
            for y, name in reversed(list(zip(tensors(graph.outputs), names, strict=True)))
            if id(y) not in inputs  # An input that is an output, too, has its name already.
        }
        self._taken = {*names, *(call.operation.name for call in graph.calls)}
        self._rounders: dict[int, FakeQuantize] = {}
        self._operands: dict[int, list[Any]] = {}
        self._copies = Copies(self._int8_form)

    def model(self) -> keras.Model:
        inputs = tensors(self._graph.inputs)
        rounded = [self._round(x, x) for x in inputs]
        outputs = run(self._graph, rounded, self._write)
        self._copies.set_weights(self._weights)
        outputs = keras.tree.map_structure(self._name, self._graph.outputs, outputs)
        return keras.Model(self._graph.inputs, outputs, name=self._graph.name)

    def _write(self, call: Call, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(
            lambda x: rounded_constant(x) if isinstance(x, np.ndarray) else x, (args, kwargs)
        )
        outputs = self._copies.of(call.operation)(*args, **kwargs)
        operands = self._operands_of(call, tensors((args, kwargs)))
        if id(call) in self._float_calls:
            outputs = keras.tree.map_structure(self._mark, call.outputs, outputs)
        return keras.tree.map_structure(
            lambda old, new: self._round(old, new, operands), call.outputs, outputs
        )

    def _operands_of(self, call: Call, inputs: list[Any]) -> list[Any]:
        """Returns what the kernel that makes the call's output needs to know besides it."""
        is_integer = reads_operands(call) and id(call) not in self._float_calls
        operands = inputs if is_integer else []
        operands = self._operands.get(id(call.inputs[0]), operands)
        self._operands.update(
            (id(y), operands) for y in tensors(call.outputs) if id(y) in self._inside
        )
        return operands

    def _mark(self, old: keras.KerasTensor, new: keras.KerasTensor) -> Any:
        if new._keras_history.operation.name in self._ends:
            return new
        name = self._output_names.get(id(old)) if id(old) not in self._roundings else None
        maker = new._keras_history.operation.name
        return KeepFloat(name=name or free_name(f"{maker}_float", self._taken))(new)

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
                name = free_name(f"{_NO_SCOPE.sub('_', range_.name)}_range", self._taken)
            self._rounders[id(range_)] = FakeQuantize(
                max(range_.sites, 1),
                fixed_range=range_.fixed,
                exact=self._depthwise_per_channel,  # tfmot's way has no such kernel
                name=name,
            )
        options: dict[str, Any] = {"operands": list(operands)} if operands else {}
        if rounding.in_training != INSIDE:
            options["in_training"] = rounding.in_training
        return self._rounders[id(range_)](new, site=rounding.site, **options)

    def _int8_form(self, operation: keras.Operation) -> keras.Operation:
        changes: dict[str, Any] = {"name": self._inner_name(operation)}
        if id(operation) in self._float_layers:
            return remake(operation, **changes)
        kind, layer = kind_of(operation), int8_layer(operation)
        if kind is not None and kind.int8 is not None:
            changes |= kind.int8.constants(operation)
        if is_exactly(operation, layers.DepthwiseConv2D):
            changes["per_channel"] = self._depthwise_per_channel
        if layer is not None and issubclass(layer, Int8Kernel):
            changes["input_gain"] = self._gains.get(operation.name, ONE).tolist()
        return remake(operation, layer, **changes)

    def _weights(self, layer: keras.Layer) -> list[np.ndarray]:
        """Returns the weights of a layer's int8 form."""
        weights: list[np.ndarray] = layer.get_weights()
        rounded = int8_layer(layer)
        has_kernel = rounded is not None and issubclass(rounded, Int8Kernel)
        if not has_kernel or id(layer) in self._float_layers:
            return weights
        gain = along_inputs(layer, self._gains.get(layer.name, ONE))
        return [(weights[0] * gain).astype(weights[0].dtype), *weights[1:]]

    def _inner_name(self, operation: keras.Operation) -> str:
        """Returns another name where the model's output needs the operation's."""
        name: str = operation.name
        if name not in self._output_names.values() or name in self._ends:
            return name
        return free_name(f"{name}_{type(operation).__name__.lower()}", self._taken)

    def _name(self, old: keras.KerasTensor, new: keras.KerasTensor) -> Any:
        """Returns an output that is called as it was in the float model."""
        name = self._output_names.get(id(old))
        maker = new._keras_history.operation.name
        if name is None or name == maker or maker in self._ends:
            return new
        return layers.Identity(name=name)(new)
