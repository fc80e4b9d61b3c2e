"""A network in pieces that become a file each: between islands that convert alone, and these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from keras_cv_course._unique_names import free_name
from keras_cv_course.quantization.graph import Call, as_functional, input_names, tensors, trace
from keras_cv_course.quantization.islands import converts_alone
from keras_cv_course.tflite.trained_ranges import RangeMarker


@dataclass(frozen=True)
class Island:
    """The call of a layer that converts alone.

    Attributes:
        layer: The layer.
        inputs: Names of the tensors that it takes, in its own order.
        outputs: Names of what it returns, in the structure in which it does.
    """

    layer: keras.Layer
    inputs: tuple[str, ...]
    outputs: Any


@dataclass(frozen=True)
class Segment:
    """A piece of a network.

    Attributes:
        model: What it computes. Its inputs and outputs have the names under which the pieces are
            joined: those of the whole network's inputs and outputs, and of layers in between.
        outputs: Names of its outputs, in the order of `model`'s.
        island: The call, where the piece is an island; None for what can be quantized.
        passed: Names of what earlier pieces give and later pieces, or the network's outputs, need.
    """

    model: keras.Model
    outputs: tuple[str, ...]
    island: Island | None = None
    passed: tuple[str, ...] = ()


def cut(model: keras.Model, names: Sequence[str]) -> list[Segment]:
    """Returns the pieces of a network, in the order in which they run.

    Args:
        model: Functional model. Without an island that converts alone, it is the only piece.
        names: Names of its outputs.
    """
    if not _has_own_files(model):
        return [Segment(model, tuple(names))]
    return _Cutter(model, names).segments()


def _has_own_files(model: keras.Model) -> bool:
    return any(
        _has_own_files(x) if isinstance(x, keras.Model) else converts_alone(x)
        for x in as_functional(model).operations
    )


class _Cutter:
    def __init__(self, model: keras.Model, names: Sequence[str]) -> None:
        self._graph = trace(model)
        self._makers = {id(y): c for c in self._graph.calls for y in tensors(c.outputs)}
        inputs = tensors(self._graph.inputs)
        outputs = [self._unmarked(y) for y in tensors(self._graph.outputs)]
        self._last = {id(y) for y in outputs}
        self._names = {
            id(x): name
            for x, name in zip((*inputs, *outputs), (*input_names(model), *names), strict=True)
        }
        self._taken = set(self._names.values())

    def segments(self) -> list[Segment]:
        pieces = self._pieces()
        reads = [_reads(calls) for calls in pieces]
        segments = []
        for i, calls in enumerate(pieces):
            made = {id(y): y for call in calls for y in tensors(call.outputs)}
            later = {id(x) for read in reads[i + 1 :] for x in read} | self._last
            given = [y for key, y in made.items() if key in later]
            before = {
                id(y): y
                for earlier in pieces[:i]
                for call in earlier
                for y in tensors(call.outputs)
                if id(y) in later
            }
            model = self._model(calls, reads[i], given)
            segments.append(
                Segment(
                    model,
                    tuple(keras.tree.flatten({n: n for n in model.output})),
                    self._island(calls[0]),
                    tuple(self._name(y) for y in before.values()),
                )
            )
        return segments

    def _island(self, call: Call) -> Island | None:
        if not converts_alone(call.operation):
            return None
        outputs = keras.tree.map_structure(self._name, call.outputs)
        return Island(call.operation, tuple(map(self._name, call.inputs)), outputs)

    def _pieces(self) -> list[list[Call]]:
        """Returns the calls of each piece: what as many islands precede, then the next islands."""
        depths: dict[int, int] = {}
        networks: dict[int, list[Call]] = {}
        islands: dict[int, list[list[Call]]] = {}
        for call in self._graph.calls:
            depth = max((depths.get(id(x), 0) for x in call.inputs), default=0)
            alone = converts_alone(call.operation)
            if alone:
                islands.setdefault(depth, []).append([call])
            else:
                networks.setdefault(depth, []).append(call)
            depths.update((id(y), depth + alone) for y in tensors(call.outputs))
        pieces: list[list[Call]] = []
        for depth in range(max((*networks, *islands)) + 1):
            pieces.extend([networks[depth]] if depth in networks else [])
            pieces.extend(islands.get(depth, []))
        return pieces

    def _model(
        self,
        calls: Sequence[Call],
        inputs: Sequence[keras.KerasTensor],
        outputs: Sequence[keras.KerasTensor],
    ) -> keras.Model:
        starts = {
            self._name(x): keras.Input(x.shape[1:], dtype=x.dtype, name=self._name(x))
            for x in inputs
        }
        new = {id(x): starts[self._name(x)] for x in inputs}
        if not converts_alone(calls[0].operation):
            new = {id(x): self._with_range(x, new[id(x)]) for x in inputs}
        for call in calls:
            args, kwargs = keras.tree.map_structure(
                lambda x: new[id(x)] if isinstance(x, keras.KerasTensor) else x,
                (call.args, call.kwargs),
            )
            made = tensors(call.operation(*args, **kwargs))
            new.update(zip(map(id, tensors(call.outputs)), made, strict=True))
        ends = {self._name(y): new[id(y)] for y in outputs}
        return keras.Model(starts, ends, name=self._graph.name)

    def _with_range(self, old: keras.KerasTensor, new: keras.KerasTensor) -> keras.KerasTensor:
        """Returns an input with the range that training has found for it, if it has."""
        maker = self._makers.get(id(old))
        if maker is None or not isinstance(maker.operation, RangeMarker):
            return new
        return maker.operation(new)

    def _unmarked(self, y: keras.KerasTensor) -> keras.KerasTensor:
        """Returns what an island gives where y is that with a range, which int8 readers need."""
        maker = self._makers.get(id(y))
        if maker is None or not isinstance(maker.operation, RangeMarker):
            return y
        before = self._makers.get(id(maker.inputs[0]))
        is_of_island = before is not None and converts_alone(before.operation)
        return maker.inputs[0] if is_of_island else y

    def _name(self, x: keras.KerasTensor) -> str:
        if id(x) not in self._names:
            maker = self._makers[id(x)]
            while isinstance(maker.operation, RangeMarker):
                maker = self._makers[id(maker.inputs[0])]
            self._names[id(x)] = free_name(maker.operation.name, self._taken)
        return self._names[id(x)]


def _reads(calls: Sequence[Call]) -> list[keras.KerasTensor]:
    """Returns what calls take from outside, in order."""
    made = {id(y) for call in calls for y in tensors(call.outputs)}
    taken = {id(x): x for call in calls for x in call.inputs if id(x) not in made}
    return list(taken.values())
