"""Which tensors of a graph an int8 file holds, and which of them share a range."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.ops.activations import hard_sigmoid_x6
from keras_cv_course.quantization.batch_norm import folded_normalizations
from keras_cv_course.quantization.fake_quantization import AS_IS, INSIDE, THROUGH
from keras_cv_course.quantization.graph import (
    Call,
    Graph,
    activation_of,
    is_exactly,
    readers_of,
    tensors,
)
from keras_cv_course.quantization.operations import kind_of, rule_of
from keras_cv_course.quantization.operations.kind import Output, Rule


@dataclass(eq=False)
class Range:
    """A range that one or more tensors have.

    Attributes:
        name: Name of the first operation that makes such a tensor.
        fixed: Smallest and largest value, if the kernel prescribes them.
        sites: How many different tensors are measured for it.
    """

    name: str
    fixed: tuple[float, float] | None = None
    sites: int = 0
    _joined: "Range | None" = None

    def root(self) -> "Range":
        """Returns the range that represents all that were joined."""
        return self if self._joined is None else self._joined.root()

    def join(self, other: "Range") -> None:
        """Makes both one range; a prescribed one stays by itself."""
        mine, theirs = self.root(), other.root()
        if mine is not theirs and mine.fixed is None and theirs.fixed is None:
            theirs._joined = mine


@dataclass(frozen=True)
class Rounding:
    """That a tensor is rounded.

    Attributes:
        range: Its range.
        site: Which of the tensors measured for the range it is; None for one that is not measured.
        in_training: What becomes of it in training, see `FakeQuantize.call`.
    """

    range: Range
    site: int | None
    in_training: str = INSIDE


@dataclass
class Placement:
    """Where a graph is quantized.

    Attributes:
        roundings: By the id of each tensor that is rounded.
        inside: Ids of the tensors that a kernel does not give out.
        float_calls: Ids of the calls that stay in float.
    """

    roundings: dict[int, Rounding] = field(default_factory=dict)
    inside: set[int] = field(default_factory=set)
    float_calls: set[int] = field(default_factory=set)


def place_ranges(
    graph: Graph,
    keep_float: Collection[str] = (),
    input_ranges: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    layer_names: Collection[str] = (),
) -> Placement:
    """Returns which tensors an int8 form of the graph rounds.

    A convolution, sum or product with the normalization and ReLU that its kernel fuses
    rounds once. Concatenated tensors share a range, and so do the tensors of a layer that is
    called more than once, as the encoder of a Siamese network is.

    Args:
        graph: Graph of primitives, see `split_into_primitives`.
        keep_float: Names of operations that stay in float.
        input_ranges: Ranges of inputs by their names; those of others are measured.
        layer_names: Names of the layers that the primitives were made of, for messages.

    Raises:
        ValueError: If an operation has no int8 form and is not in `keep_float`.
    """
    return _Placer(graph, keep_float, input_ranges, layer_names).place()


@dataclass(frozen=True)
class _Head:
    """The operation in whose kernel a tensor is made."""

    name: str
    key: Any
    in_float: bool


class _Placer:
    def __init__(
        self,
        graph: Graph,
        keep_float: Collection[str],
        input_ranges: Mapping[str, tuple[float, float]],
        layer_names: Collection[str],
    ) -> None:
        self._layer_names = layer_names
        self._graph = graph
        self._input_ranges = input_ranges
        self._keep_float = frozenset(keep_float)
        self._readers = readers_of(graph)
        self._folded = folded_normalizations(graph)
        self._hard_swish = _inside_hard_swish(graph)
        self._ranges: dict[int, Range] = {}
        # Heads of the tensors that a kernel does not give out.
        self._heads: dict[int, _Head] = {}
        # What a repeated call of an operation finds again.
        self._known: dict[Any, Range] = {}
        self._arguments: dict[int, list[Range]] = {}
        self._measured: list[tuple[int, Range, Any]] = []
        self._result = Placement()

    def place(self) -> Placement:
        for x in tensors(self._graph.inputs):
            if x.name in self._input_ranges:
                self._prescribe(x, Range(x.name, self._input_ranges[x.name]))
            else:
                self._measure(x, Range(x.name), id(x))
        for call in self._graph.calls:
            self._place_call(call)
        sites: defaultdict[int, dict[Any, int]] = defaultdict(dict)
        for tensor, range_, key in self._measured:
            root = range_.root()
            numbers = sites[id(root)]
            self._result.roundings[tensor] = Rounding(root, numbers.setdefault(key, len(numbers)))
            root.sites = len(numbers)
        probabilities = _probabilities_of_the_loss(self._graph)
        for call in self._graph.calls:
            if any(id(y) in probabilities for y in tensors(call.outputs)):
                self._train(call.inputs, THROUGH)
                self._train(tensors(call.outputs), AS_IS)
        return self._result

    def _train(self, xs: list[keras.KerasTensor], in_training: str) -> None:
        for x in xs:
            rounding = self._result.roundings.get(id(x))
            if rounding is not None and rounding.in_training != AS_IS:
                self._result.roundings[id(x)] = replace(rounding, in_training=in_training)

    def _place_call(self, call: Call) -> None:
        rule = rule_of(call)
        in_float = call.operation.name in self._keep_float
        if in_float:
            self._result.float_calls.add(id(call))
            rule = replace(rule or Rule(Output.OWN), output=Output.OWN)
        if rule is None:
            raise ValueError(_no_int8_form(call, self._layer_names))
        inputs = [self._ranges[id(x)] for x in call.inputs if id(x) in self._ranges]
        self._join_repeated(call, inputs)
        call_key = _key(call, inputs)
        head = _Head(call.operation.name, call_key, in_float)
        head = next((self._heads[id(x)] for x in call.inputs if id(x) in self._heads), head)
        outputs = tensors(call.outputs)
        for i, y in enumerate(outputs):
            if not keras.backend.is_float_dtype(y.dtype):
                continue  # Numbers of classes, of an island.
            if len(outputs) > 1:
                head = replace(head, key=(call_key, i))
            if self._is_taken_along(rule, y):
                self._heads[id(y)] = head
                self._result.inside.add(id(y))
            elif not (head.in_float and self._is_only_read_in_float(y)):
                _OUTPUTS[rule.output](self, y, rule, inputs, head)

    def own(self, y: keras.KerasTensor, rule: Rule, inputs: list[Range], head: _Head) -> None:
        self._measure(y, Range(head.name), head.key)

    def fixed(self, y: keras.KerasTensor, rule: Rule, inputs: list[Range], head: _Head) -> None:
        self._prescribe(y, Range(head.name, rule.fixed_range), THROUGH)

    def same(self, y: keras.KerasTensor, rule: Rule, inputs: list[Range], head: _Head) -> None:
        self._ranges.update((id(y), range_) for range_ in inputs[:1])

    def rounded(self, y: keras.KerasTensor, rule: Rule, inputs: list[Range], head: _Head) -> None:
        for range_ in inputs[:1]:
            self._ranges[id(y)] = range_
            self._result.roundings[id(y)] = Rounding(range_, None)

    def joined(self, y: keras.KerasTensor, rule: Rule, inputs: list[Range], head: _Head) -> None:
        if len({id(r.root()) for r in inputs}) == 1:
            self._ranges[id(y)] = inputs[0]
            return
        free = [r for r in inputs if r.root().fixed is None]
        for other in free[1:]:
            free[0].join(other)
        if free and len(free) == len(inputs):
            self._ranges[id(y)] = free[0]
        else:  # An input with a prescribed range is rounded once more.
            self._measure(y, free[0] if free else Range(head.name), head.key)

    def _measure(self, x: keras.KerasTensor, range_: Range, key: Any) -> None:
        """Rounds x to a range that is measured on it, or on what is the same in another call."""
        known = self._known.setdefault(key, range_)
        known.join(range_)
        self._ranges[id(x)] = known
        self._measured.append((id(x), known, key))

    def _prescribe(self, x: keras.KerasTensor, range_: Range, in_training: str = INSIDE) -> None:
        self._ranges[id(x)] = range_
        self._result.roundings[id(x)] = Rounding(range_, None, in_training)

    def _join_repeated(self, call: Call, inputs: list[Range]) -> None:
        """Gives the inputs of a layer with weights one range, however often it is called."""
        if _has_weights(call.operation):
            first = self._arguments.setdefault(id(call.operation), inputs)
            for mine, other in zip(first, inputs, strict=True):
                mine.join(other)

    def _is_taken_along(self, rule: Rule, y: keras.KerasTensor) -> bool:
        """Whether only one call reads y, and is done in the kernel that makes y."""
        readers = self._readers[id(y)]
        if len(readers) != 1 or readers[0] is None or readers[0].operation.name in self._keep_float:
            return False
        taken = _is_taken_by(rule, readers[0].operation) or id(readers[0]) in self._folded
        return taken or id(y) in self._hard_swish

    def _is_only_read_in_float(self, y: keras.KerasTensor) -> bool:
        readers = self._readers[id(y)]
        return all(r is None or r.operation.name in self._keep_float for r in readers)


_OUTPUTS = {
    Output.OWN: _Placer.own,
    Output.FIXED: _Placer.fixed,
    Output.SAME: _Placer.same,
    Output.ROUNDED: _Placer.rounded,
    Output.JOINED: _Placer.joined,
}


def _probabilities_of_the_loss(graph: Graph) -> set[int]:
    """Returns the ids of probabilities that reach an output as they are, or moved and multiplied.

    A loss takes their logarithm: one that is rounded to 0 has none, and no gradient.
    """
    probabilities: set[int] = set()
    for call in graph.calls:
        rule = rule_of(call)
        if rule is None:
            continue
        among = [id(x) in probabilities for x in call.inputs]
        made = rule.fixed_range is not None and rule.fixed_range[0] == 0.0
        passed_on = any(among) if rule.output is Output.JOINED else bool(among) and all(among)
        if made or (passed_on and not _has_weights(call.operation)):
            probabilities.update(id(y) for y in tensors(call.outputs))
    reaching = {id(y) for y in tensors(graph.outputs)} & probabilities
    for call in reversed(graph.calls):
        if any(id(y) in reaching for y in tensors(call.outputs)):
            reaching.update({id(x) for x in call.inputs} & probabilities)
    return reaching


def _inside_hard_swish(graph: Graph) -> set[int]:
    """Returns tensors inside `x * relu6(x + 3) / 6`, which the converter makes one operation of.

    The rewriting before leaves such a division only where nothing linear follows.
    """
    makers = {id(y): call for call in graph.calls for y in tensors(call.outputs)}
    readers = readers_of(graph)
    inside: set[int] = set()
    for division in graph.calls:
        product = makers.get(id(division.inputs[0])) if _divides_by_6(division) else None
        if product is None or not is_exactly(product.operation, layers.Multiply):
            continue
        gates = [makers[id(x)] for x in product.inputs if _is_gate(makers.get(id(x)))]
        parts = [call for call in (product, *gates) if len(readers[id(call.outputs)]) == 1]
        if len(parts) == 2 and any(gates[0].inputs[0] is x for x in product.inputs):
            inside |= {id(call.outputs) for call in parts}
    return inside


def _divides_by_6(call: Call) -> bool:
    layer = call.operation
    return is_exactly(layer, layers.Rescaling) and np.allclose(layer.scale, 1 / 6)


def _is_gate(call: Call | None) -> bool:
    return call is not None and activation_of(call.operation) is hard_sigmoid_x6


def _is_taken_by(rule: Rule, operation: keras.Operation) -> bool:
    kind = kind_of(operation)
    return kind is not None and kind.int8 is not None and kind.int8.taken_by(rule, operation)


def _has_weights(operation: keras.Operation) -> bool:
    return isinstance(operation, keras.Layer) and bool(operation.weights)


def _key(call: Call, inputs: list[Range]) -> Any:
    """Returns what is equal for calls that compute the same with the same weights."""
    if _has_weights(call.operation):
        return id(call.operation)
    return id(call.operation), tuple(id(range_.root()) for range_ in inputs)


def _no_int8_form(call: Call, layer_names: Collection[str]) -> str:
    operation = call.operation
    kind = type(operation).__name__
    function = getattr(activation_of(operation), "__name__", None)
    # A primitive is called after the layer that it is a part of.
    wholes = [n for n in layer_names if operation.name == n or operation.name.startswith(f"{n}_")]
    name = max(wholes, key=len, default=operation.name)
    return (
        "`model` must be made of layers that have an int8 form. Received: layer "
        f"{name!r} of type {kind}{f' with {function}' if function else ''}. Replace it, "
        f"or leave it in float with keep_float=[{name!r}]."
    )
