"""Which constant factor each tensor of a graph carries once linear layers have absorbed it.

In a rewritten graph a tensor holds `gain * value`, where `value` is what the original computes. A
factor that the original multiplies with costs an operation; as a gain it costs nothing, because
it travels through whatever is homogeneous (ReLU, pooling, products) to the next convolution,
whose kernel is divided by it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np
from keras import layers

from keras_cv_course.quantization.graph import Call, Graph, tensors

Gain = np.ndarray  # float64; one factor (shape ()) or one a channel (shape (channels,)); above 0

ONE = np.ones(())


@dataclass
class GainPlan:
    """What a rewrite has to do to each layer and tensor of a graph.

    Attributes:
        gains: Gain of each tensor, by its id.
        absorbed: Gain of a linear layer's input, by the layer's id; its kernel is divided by it.
        produced: Gain that a linear layer adds to its output, by the layer's id.
        restored: Factor that a tensor is multiplied with before a call that needs another gain,
            by the ids of call and tensor. Calls of the model's output have id 0.
    """

    gains: dict[int, Gain] = field(default_factory=dict)
    absorbed: dict[int, Gain] = field(default_factory=dict)
    produced: dict[int, Gain] = field(default_factory=dict)
    restored: dict[tuple[int, int], Gain] = field(default_factory=dict)


@dataclass(frozen=True)
class Absorption:
    """How the weights of a linear layer take factors in.

    Attributes:
        takes: Whether a layer can divide its weights by the gain of its input.
        can_scale: Whether a layer can multiply its output with a constant, too.
        absorb: Changes the weights of a layer so that an input with a gain gives an output with
            another; gets the layer and both.
    """

    takes: Callable[[Any, Gain], bool]
    can_scale: Callable[[Any], bool]
    absorb: Callable[[Any, Gain, Gain], None]


class HasGain(Protocol):
    """What is known of the kind of an operation, see `operations.kind`."""

    @property
    def gain(self) -> "Callable[[Call], GainRule]":
        """The rule for a call of the kind."""

    @property
    def absorption(self) -> Absorption | None:
        """How its weights take factors in, if they do."""


class Planner:
    """Goes through the calls in order; each rule gives the gain of what its call returns.

    Args:
        graph: Graph that is to be rewritten.
        kind_of: Returns what is known of an operation's kind; None where that is nothing, so that
            it needs the original's values.
    """

    def __init__(self, graph: Graph, kind_of: Callable[[keras.Operation], HasGain | None]) -> None:
        self.graph = graph
        self._kind_of = kind_of
        self.result = GainPlan()
        self._producers = {id(y): call for call in graph.calls for y in tensors(call.outputs)}
        self._readers = Counter(id(x) for call in graph.calls for x in call.inputs)
        self._readers.update(id(x) for x in tensors(graph.outputs))
        self._times_called = Counter(id(call.operation) for call in graph.calls)

    def plan(self) -> GainPlan:
        """Returns the gains with which every constant factor that can be absorbed is absorbed."""
        self.result.gains = {id(x): ONE for x in tensors(self.graph.inputs)}
        for call in self.graph.calls:
            gain = self._rule(call)(self, call)
            self.result.gains.update((id(y), gain) for y in tensors(call.outputs))
        for y in tensors(self.graph.outputs):
            self._restore(0, y, ONE)
        return self.result

    def gain(self, x: keras.KerasTensor) -> Gain:
        """Returns the gain of a tensor that was made already."""
        return self.result.gains[id(x)]

    def nothing(self, call: Call) -> Gain:
        """Rule of an operation that needs the original's values and returns such."""
        for x in call.inputs:
            self._restore(id(call), x, ONE)
        return ONE

    def linear(self, call: Call) -> Gain:
        """Rule of a layer whose weights absorb the gain of its input, that of its first call."""
        (x,) = call.inputs
        gain = self.gain(x)
        absorption = self._absorption(call)
        if absorption is None or not absorption.takes(call.operation, gain):
            return self.nothing(call)
        self._restore(id(call), x, self.result.absorbed.setdefault(id(call.operation), gain))
        return ONE

    def homogeneous(self, call: Call) -> Gain:
        """Rule of f with f(gain * x) = gain * f(x)."""
        gain = self.gain(call.inputs[0])
        first = getattr(call.operation, "data_format", None) == "channels_first"
        return self.nothing(call) if first and gain.ndim else gain

    def mixing(self, call: Call) -> Gain:
        """Rule of a layer that only moves values, also from channel to channel."""
        gain = self.gain(call.inputs[0])
        return gain if gain.ndim == 0 else self.nothing(call)

    def product(self, call: Call) -> Gain:
        """Rule of a product of tensors."""
        gain = ONE
        for x in call.inputs:
            gain = gain * self.gain(x)
        return gain

    def sum(self, call: Call) -> Gain:
        """Rule of an operation that needs one gain for all its inputs."""
        inputs = call.inputs
        if len(inputs) < 2:
            return self.nothing(call)
        fixed = [self.gain(x) for x in inputs if not self._adjustable(x)]
        target = fixed[0] if fixed and fixed[0].ndim == 0 else ONE
        for x in inputs:
            if np.array_equal(self.gain(x), target):
                continue
            if self._adjustable(x):
                self._adjust(x, target)
            else:
                self._restore(id(call), x, target)
        return target

    def take_original_if_shared(self, call: Call) -> None:
        """One layer has one offset: called again, it needs inputs of one gain."""
        if self._times_called[id(call.operation)] > 1:
            self.nothing(call)

    def received(self, call: Call) -> Gain:
        """Returns the gain of the input as the call gets it, restored or not."""
        x = call.inputs[0]
        return self.gain(x) * self.result.restored.get((id(call), id(x)), ONE)

    def _restore(self, call_id: int, x: keras.KerasTensor, target: Gain) -> None:
        if not np.array_equal(self.gain(x), target):
            self.result.restored[call_id, id(x)] = target / self.gain(x)

    def _path_to_linear(self, x: keras.KerasTensor) -> list[Call]:
        """Calls from x back to the linear layer that makes it; empty if others would notice."""
        path: list[Call] = []
        while self._readers[id(x)] == 1 and id(x) in self._producers:
            call = self._producers[id(x)]
            path.append(call)
            if id(call.operation) in self.result.absorbed:
                once = self._times_called[id(call.operation)] == 1
                absorption = self._absorption(call)
                scales = absorption is not None and absorption.can_scale(call.operation)
                return path if once and scales else []
            is_layer = isinstance(call.operation, keras.Layer)
            if not is_layer or self._rule(call) is not Planner.homogeneous:
                return []
            x = call.inputs[0]
        return []

    def _adjustable(self, x: keras.KerasTensor) -> bool:
        return np.array_equal(self.gain(x), ONE) and bool(self._path_to_linear(x))

    def _adjust(self, x: keras.KerasTensor, target: Gain) -> None:
        path = self._path_to_linear(x)
        for call in path:
            self.result.gains.update((id(y), target) for y in tensors(call.outputs))
        self.result.produced[id(path[-1].operation)] = target

    def _rule(self, call: Call) -> "GainRule":
        kind = self._kind_of(call.operation)
        return Planner.nothing if kind is None else kind.gain(call)

    def _absorption(self, call: Call) -> Absorption | None:
        kind = self._kind_of(call.operation)
        return None if kind is None else kind.absorption


GainRule = Callable[[Planner, Call], Gain]


def along_inputs(layer: keras.Layer, gain: Gain) -> Gain:
    """Returns a gain in the shape in which it divides the input channels of a layer's kernel."""
    if gain.ndim == 0 or isinstance(layer, layers.Conv2DTranspose):
        return gain  # the transposed kernel, (height, width, filters, channels), ends in them
    return gain[:, np.newaxis]


def is_float(call: Call) -> bool:
    """Whether the input is float already; else the operation converts it too."""
    return "float" in call.inputs[0].dtype
