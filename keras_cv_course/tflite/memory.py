"""The memory that a .tflite file asks of a microcontroller, planned without one."""

import dataclasses
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.operator_sets import operator_name

ALIGNMENT_BYTES = 16
_OFFLINE_PLAN = b"OfflineMemoryAllocation"
_OFFLINE_HEADER = 3  # version, subgraph, number of offsets
_ONLINE = -1

# Bytes of one value in the arena. Integers below a byte are unpacked there; a handle is an index.
_ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "INT8", "UINT8", "INT4", "UINT4", "INT2"), 1),
    **dict.fromkeys(("FLOAT8_E4M3FN", "FLOAT8_E5M2"), 1),
    **dict.fromkeys(("FLOAT16", "BFLOAT16", "INT16", "UINT16"), 2),
    **dict.fromkeys(("FLOAT32", "INT32", "UINT32", "RESOURCE", "VARIANT", "STRING"), 4),
    **dict.fromkeys(("FLOAT64", "INT64", "UINT64", "COMPLEX64"), 8),
    "COMPLEX128": 16,
}


@dataclass(frozen=True)
class ArenaTensor:
    """One tensor in the arena.

    Attributes:
        name: Its name in the file.
        dtype: Type of its values.
        shape: Its shape.
        bytes: What it takes, a multiple of `ALIGNMENT_BYTES`.
        offset: Where it begins in the arena.
        first: Step in which it is made; step 0 is before the first operator, step k the k-th.
        last: Step in which it is used for the last time.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    offset: int
    first: int
    last: int


@dataclass(frozen=True)
class ArenaPlan:
    """The activation memory of a file.

    Attributes:
        bytes: Size of the arena's head, which holds the activations. What kernels ask for on top
            (scratch buffers, which depend on the kernel library) and the arena's tail (structures
            of the runtime) are not in it.
        weight_bytes: Size of all constants, which stay in flash.
        peak_bytes: What the tensors take that live at the same time, where they take most. What
            `bytes` is above it is lost in gaps; below it, the file prescribes that tensors overlap.
        peak_operator: Name of the operator at that place, "" where there is none.
        peak_step: Its number, from 1, in the order of execution.
        peak_tensors: The tensors that live there, the largest first.
        tensors: All tensors in the arena, in the order of the file.
    """

    bytes: int
    weight_bytes: int
    peak_bytes: int
    peak_operator: str
    peak_step: int
    peak_tensors: tuple[ArenaTensor, ...]
    tensors: tuple[ArenaTensor, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the plan, without the list of all tensors, as what JSON can hold."""
        content = dataclasses.asdict(self)
        del content["tensors"]
        return content


def plan_arena(data: bytes) -> ArenaPlan:
    """Returns the activation memory of a .tflite as TensorFlow Lite Micro lays it out.

    The greedy planner: the tensors are placed from the largest to the smallest, each in the first
    gap between those that live at the same time. Constants and variables are not in the arena,
    and no tensor takes another's place before that one is no longer used. Offsets that the file
    prescribes, as Vela's do, are kept.

    Args:
        data: Content of a .tflite file. A dimension that is open counts as 1.

    Reference:
        "Memory Management in TensorFlow Lite Micro", tflite-micro, docs/memory_management.md.
    """
    model = flatbuffer.read(data)
    lifetimes = _Lifetimes(model)
    lifetimes.mark(0)
    offline = _offline_offsets(model)
    wanted, fixed = [], []
    for number, graph in enumerate(model.subgraphs):
        for index, tensor in enumerate(graph.tensors):
            size = _arena_bytes(model, tensor)
            if size:
                first, last = lifetimes.spans.get((number, index), (-1, -1))
                wanted.append(_describe(tensor, size, first, last))
                fixed.append(offline[index] if index < len(offline) else _ONLINE)
    tensors = tuple(_place(wanted, fixed))
    step, live = _peak(tensors)
    return ArenaPlan(
        bytes=max((t.offset + t.bytes for t in tensors), default=0),
        weight_bytes=_weight_bytes(model),
        peak_bytes=sum(t.bytes for t in live),
        peak_operator=lifetimes.operators.get(step, ""),
        peak_step=step,
        peak_tensors=tuple(sorted(live, key=lambda t: -t.bytes)),
        tensors=tensors,
    )


class _Lifetimes:
    """First and last step of each tensor, by subgraph and index; subgraphs run where called."""

    def __init__(self, model: schema.ModelT) -> None:
        self.spans: dict[tuple[int, int], tuple[int, int]] = {}
        self.operators: dict[int, str] = {}
        self._model = model
        self._step = 0

    def mark(self, number: int) -> None:
        """Follows a subgraph operator by operator."""
        graph = self._model.subgraphs[number]
        self._begin(number, (*_indices(graph.inputs), *_indices(graph.outputs)))
        for operator in graph.operators or ():
            self._step += 1
            name = operator_name(self._model.operatorCodes[operator.opcodeIndex])
            self.operators[self._step] = name
            self._begin(number, _indices(operator.outputs))
            for called in _called(operator):
                self._step += 1
                self.mark(called)
            self._use(number, (*_indices(operator.inputs), *_indices(operator.outputs)))
        self._use(number, _indices(graph.outputs))

    def _begin(self, number: int, indices: Sequence[int]) -> None:
        for index in indices:
            self.spans[number, index] = (self._step, self._step)

    def _use(self, number: int, indices: Sequence[int]) -> None:
        for index in indices:
            first = self.spans.get((number, index), (-1, -1))[0]
            self.spans[number, index] = (first, self._step)


def _indices(vector: Sequence[int] | None) -> list[int]:
    """Returns a vector of tensor indices without the -1 of optional inputs that are not there."""
    return [] if vector is None else [int(i) for i in vector if i >= 0]


def _called(operator: schema.OperatorT) -> Iterator[int]:
    options = operator.builtinOptions
    for field in (
        *("thenSubgraphIndex", "elseSubgraphIndex", "initSubgraphIndex"),
        *("condSubgraphIndex", "bodySubgraphIndex"),
    ):
        if hasattr(options, field):
            yield getattr(options, field)


def _arena_bytes(model: schema.ModelT, tensor: schema.TensorT) -> int:
    """Returns what a tensor takes in the arena: nothing for constants and variables."""
    if tensor.isVariable or _constant_bytes(model, tensor):
        return 0
    count = math.prod(1 if size < 0 else size for size in _shape(tensor))
    item = _ITEM_BYTES[flatbuffer_utils.type_to_name(tensor.type)]
    return -(-count * item // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _shape(tensor: schema.TensorT) -> tuple[int, ...]:
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def _constant_bytes(model: schema.ModelT, tensor: schema.TensorT) -> int:
    content = model.buffers[tensor.buffer].data
    return 0 if content is None else len(content)


def _weight_bytes(model: schema.ModelT) -> int:
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    contents = [model.buffers[index].data for index in used]
    return sum(len(content) for content in contents if content is not None)


def _describe(tensor: schema.TensorT, size: int, first: int, last: int) -> ArenaTensor:
    name = "" if tensor.name is None else tensor.name.decode(errors="replace")
    dtype = flatbuffer_utils.type_to_name(tensor.type).lower()
    return ArenaTensor(name, dtype, _shape(tensor), size, _ONLINE, first, last)


def _offline_offsets(model: schema.ModelT) -> tuple[int, ...]:
    for entry in model.metadata or ():
        if entry.name == _OFFLINE_PLAN:
            content = bytes(model.buffers[entry.buffer].data)
            return struct.unpack(f"<{len(content) // 4}i", content)[_OFFLINE_HEADER:]
    return ()


def _place(wanted: Sequence[ArenaTensor], fixed: Sequence[int]) -> list[ArenaTensor]:
    """Returns the tensors with their offsets: those of `fixed`, or the first gap where it is -1."""
    online = [i for i, offset in enumerate(fixed) if offset == _ONLINE]
    # Among tensors of one size the last comes first: the planner fills its list from the end.
    order = sorted(online, key=lambda i: (-wanted[i].bytes, -i))
    placed = {
        i: dataclasses.replace(wanted[i], offset=offset)
        for i, offset in enumerate(fixed)
        if offset != _ONLINE
    }
    for i in order:
        tensor = wanted[i]
        together = [t for t in placed.values() if t.first <= tensor.last and tensor.first <= t.last]
        offset = 0
        for other in sorted(together, key=lambda t: t.offset):
            if other.offset - offset >= tensor.bytes:
                break
            offset = max(offset, other.offset + other.bytes)
        placed[i] = dataclasses.replace(tensor, offset=offset)
    return [placed[i] for i in range(len(wanted))]


def _peak(tensors: Sequence[ArenaTensor]) -> tuple[int, list[ArenaTensor]]:
    """Returns the step in which most bytes live, the first of several, and what lives there."""
    steps = sorted({t.first for t in tensors})
    alive = {step: [t for t in tensors if t.first <= step <= t.last] for step in steps}
    step = max(steps, key=lambda s: sum(t.bytes for t in alive[s]), default=0)
    return step, alive.get(step, [])
