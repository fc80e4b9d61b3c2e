"""What a device can demand of a .tflite file, a function for each rule."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.operator_sets import (
    DETECTION_POSTPROCESS,
    LINEAR,
    is_builtin,
    operator_name,
)
from keras_cv_course.tflite.targets import Target

_METADATA = b"TFLITE_METADATA"
_FLOATS = {"float16", "bfloat16", "float32", "float64"}
_INTEGERS = {"int4", "int8", "uint8", "int16"}
_CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}
_MOVES = {*_CONVERSIONS, "RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS"}
_SOFTMAX_STEPS = 256
_IMAGE_RANK = 4
_MOST_NAMES = 5


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a file from running on a device, or that should be changed.

    Attributes:
        rule: What the device demands.
        finding: What the file has.
        change: The way out.
    """

    rule: str
    finding: str
    change: str


@dataclass(frozen=True)
class FileTensor:
    """A tensor; `open_axes` are those whose size the file leaves open."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    open_axes: tuple[int, ...]
    constant: bool


@dataclass(frozen=True)
class FileNode:
    """An operator with what it reads and writes."""

    name: str
    inputs: tuple[FileTensor, ...]
    outputs: tuple[FileTensor, ...]
    options: Any


@dataclass(frozen=True)
class File:
    """What the rules check: all operators of all subgraphs, inputs and outputs."""

    nodes: tuple[FileNode, ...]
    tensors: tuple[FileTensor, ...]
    inputs: tuple[FileTensor, ...]
    outputs: tuple[FileTensor, ...]
    outside_bytes: int
    has_metadata: bool

    def maker(self, tensor: FileTensor) -> FileNode | None:
        """Returns the operator whose output a tensor is."""
        return next((n for n in self.nodes if any(t is tensor for t in n.outputs)), None)

    def origin(self, tensor: FileTensor) -> FileNode | None:
        """Returns the operator that computed what a tensor holds, before moves and conversions."""
        node = self.maker(tensor)
        while node is not None and node.name in _MOVES:
            node = self.maker(node.inputs[0])
        return node


def read_file(data: bytes) -> File:
    """Returns what the rules check in the content of a sound .tflite file."""
    model = flatbuffer.read(data)
    graphs = [tuple(_tensor(model, t) for t in graph.tensors) for graph in model.subgraphs]
    nodes = [
        FileNode(
            operator_name(model.operatorCodes[operator.opcodeIndex]),
            _pick(tensors, operator.inputs),
            _pick(tensors, operator.outputs),
            operator.builtinOptions,
        )
        for graph, tensors in zip(model.subgraphs, graphs, strict=True)
        for operator in graph.operators or ()
    ]
    # The object form has taken in what lay outside. Offset 1 is a place kept free for an offset.
    raw = schema.Model.GetRootAs(bytearray(data))
    buffers = [raw.Buffers(i) for i in range(raw.BuffersLength())]
    return File(
        nodes=tuple(nodes),
        tensors=tuple(tensor for tensors in graphs for tensor in tensors),
        inputs=_pick(graphs[0], model.subgraphs[0].inputs),
        outputs=_pick(graphs[0], model.subgraphs[0].outputs),
        outside_bytes=sum(buffer.Size() for buffer in buffers if buffer.Offset() > 1),
        has_metadata=any(entry.name == _METADATA for entry in model.metadata or ()),
    )


def _tensor(model: schema.ModelT, tensor: schema.TensorT) -> FileTensor:
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    signature = shape if tensor.shapeSignature is None else tensor.shapeSignature
    content = model.buffers[tensor.buffer].data
    return FileTensor(
        name="" if tensor.name is None else tensor.name.decode(errors="replace"),
        dtype=flatbuffer_utils.type_to_name(tensor.type).lower(),
        shape=shape,
        open_axes=tuple(axis for axis, size in enumerate(signature) if size < 0),
        constant=content is not None and len(content) > 0,
    )


def _pick(tensors: tuple[FileTensor, ...], indices: Iterable[int] | None) -> tuple[FileTensor, ...]:
    return () if indices is None else tuple(tensors[i] for i in indices if i >= 0)


def _builtin_operators(file: File, target: Target) -> Iterator[Problem]:
    if target.operators is not None:
        names = [n.name for n in file.nodes if is_builtin(n.name)]
        missing = [name for name in names if name not in target.operators]
        if missing:
            yield Problem(
                "operators",
                f"{_listed(missing)}: {target.runtime} does not have it",
                "replace the layer, or end the model before it and compute the rest in the "
                "program that runs it",
            )


def _custom_operators(file: File, target: Target) -> Iterator[Problem]:
    names = [n.name for n in file.nodes if not is_builtin(n.name)]
    unknown = [name for name in names if name not in target.custom_operators]
    if unknown:
        yield Problem(
            "custom operators",
            f"{_listed(unknown)}: {target.runtime} does not have it",
            "convert with builtin operators only; a file compiled for an accelerator runs only "
            "there",
        )


def _input_dtypes(file: File, target: Target) -> Iterator[Problem]:
    wrong = [t for t in file.inputs if t.dtype not in target.accepted_inputs]
    if wrong:
        yield _wrong_dtypes("input type", wrong, target.accepted_inputs, target)


def _output_dtypes(file: File, target: Target) -> Iterator[Problem]:
    wrong = []
    for tensor in file.outputs:
        maker = file.maker(tensor)
        computed_beside = maker is not None and maker.name == DETECTION_POSTPROCESS
        if tensor.dtype not in target.accepted_outputs and not computed_beside:
            wrong.append(tensor)
    if wrong:
        yield _wrong_dtypes("output type", wrong, target.accepted_outputs, target)


def _wrong_dtypes(
    rule: str, wrong: list[FileTensor], accepted: Iterable[str], target: Target
) -> Problem:
    tensors = _listed(f"{t.name} is {t.dtype}" for t in wrong)
    if any(t.dtype == "int64" for t in wrong):
        change = "give out the scores, and take the index of the largest in the program"
    else:
        quantize = target.quantize[0]
        change = f'convert with quantize="{quantize}", io_dtype="{target.io_dtypes[quantize][0]}"'
    return Problem(rule, f"{tensors}; {target.runtime} takes {_listed(sorted(accepted))}", change)


def _batch(file: File, target: Target) -> Iterator[Problem]:
    wrong = [t for t in file.inputs if len(t.shape) == _IMAGE_RANK and t.shape[0] > 1]
    if wrong:
        yield Problem(
            "batch of 1",
            _listed(f"{t.name} is {t.shape}" for t in wrong),
            "convert again with batch 1, and run image after image",
        )


def _open_size_problems(file: File, target: Target) -> Iterator[Problem]:
    return _open_sizes(file, lambda axes: not target.open_batch or axes != (0,))


def _open_size_advice(file: File, target: Target) -> Iterator[Problem]:
    return _open_sizes(file, lambda axes: target.open_batch and axes == (0,))


def _open_sizes(file: File, concerned: Callable[[tuple[int, ...]], bool]) -> Iterator[Problem]:
    tensors = [t for t in (*file.inputs, *file.outputs) if t.open_axes and concerned(t.open_axes)]
    if tensors:
        yield Problem(
            "fixed sizes",
            _listed(
                f"{t.name} is open in axis {', '.join(map(str, t.open_axes))}" for t in tensors
            ),
            "convert again from a model with fixed height and width, and batch 1",
        )


def _float_arithmetic(file: File, target: Target) -> Iterator[Problem]:
    if target.integer_only:
        exempt = _CONVERSIONS | target.custom_operators
        names = [
            n.name
            for n in file.nodes
            if n.name not in exempt and any(t.dtype in _FLOATS for t in (*n.inputs, *n.outputs))
        ]
        if names:
            yield Problem(
                "integer arithmetic",
                f"{_listed(names)} in float: {target.runtime} leaves it to the processor",
                'convert with quantize="int8" and no `keep_float`',
            )


def _mixed_types(file: File, target: Target) -> Iterator[Problem]:
    if not target.mixes_types:
        names = [
            n.name
            for n in file.nodes
            if n.name in LINEAR
            and n.inputs[0].dtype in _FLOATS
            and any(t.dtype in _INTEGERS for t in n.inputs)
        ]
        if names:
            yield Problem(
                "one kind of numbers",
                f"{_listed(names)} with float activations and integer weights: "
                f"{target.runtime} has no such kernels",
                'convert with quantize="int8" (or "none") instead of "dynamic" or "int4"',
            )


def _linear_inputs(file: File, target: Target) -> Iterator[Problem]:
    if target.linear_inputs is not None:
        names = [
            f"{n.name} on {n.inputs[0].dtype}"
            for n in file.nodes
            if n.name in LINEAR and n.inputs[0].dtype not in target.linear_inputs
        ]
        if names:
            yield Problem(
                "types of activations",
                f"{_listed(names)}: {target.runtime} takes {_listed(sorted(target.linear_inputs))}",
                'quantize again with quantize="int8"; only inputs and outputs can be uint8',
            )


def _dequantized(file: File, target: Target) -> Iterator[Problem]:
    if target.dequantizes is not None:
        dtypes = [n.inputs[0].dtype for n in file.nodes if n.name == "DEQUANTIZE"]
        wrong = [f"DEQUANTIZE of {dtype}" for dtype in dtypes if dtype not in target.dequantizes]
        if wrong:
            yield Problem(
                "types of weights",
                f"{_listed(wrong)}: {target.runtime} has no such kernel",
                'convert with quantize="int8" (or "none") instead of "float16" or "int4"',
            )


def _forbidden_dtypes(file: File, target: Target) -> Iterator[Problem]:
    dtypes = [t.dtype for t in file.tensors if t.dtype in target.forbidden_dtypes]
    if dtypes:
        yield Problem(
            "types of tensors",
            f"{_listed(dtypes)}: {target.runtime} does not know it",
            f'convert with quantize="{target.quantize[0]}"',
        )


def _outside_weight_problems(file: File, target: Target) -> Iterator[Problem]:
    if not target.outside_weights:
        yield from _outside_weights(file, f"{target.runtime} does not find them")


def _outside_weight_advice(file: File, target: Target) -> Iterator[Problem]:
    if target.outside_weights:
        yield from _outside_weights(file, "programs that add metadata lose them")


def _outside_weights(file: File, consequence: str) -> Iterator[Problem]:
    if file.outside_bytes:
        yield Problem(
            "weights in the flatbuffer",
            f"{file.outside_bytes:,} bytes lie behind it: {consequence}",
            "read and write the file with `tflite.flatbuffer`, which takes them in",
        )


def _many_classes(file: File, target: Target) -> Iterator[Problem]:
    sizes = [
        f"{n.outputs[0].shape[-1]} classes"
        for n in file.nodes
        if n.name == "SOFTMAX"
        and n.outputs[0].dtype in ("int8", "uint8")
        and n.outputs[0].shape[-1] >= _SOFTMAX_STEPS
    ]
    if sizes:
        yield Problem(
            "scores in 8 bits",
            f"SOFTMAX over {_listed(sizes)} in steps of 1/256: small scores become equal or zero",
            "export logits (classifier_activation=None), and take the softmax in the program",
        )


def _joined_outputs(file: File, target: Target) -> Iterator[Problem]:
    for tensor in file.outputs:
        node = file.origin(tensor)
        if node is None or node.name != "CONCATENATION" or node.outputs[0].dtype not in _INTEGERS:
            continue
        parts = [file.origin(part) for part in node.inputs]
        kinds = {part.name for part in parts if part is not None}
        axis = node.options.axis % len(node.outputs[0].shape)
        if len(kinds) > 1 or axis == len(node.outputs[0].shape) - 1:
            yield Problem(
                "one scale for each quantity",
                f"{tensor.name} joins what {_listed(sorted(kinds)) or 'its parts'} gave, in the "
                "steps of the part with the widest range",
                "give out parts of different meaning, such as boxes and scores, one by one",
            )


def _metadata(file: File, target: Target) -> Iterator[Problem]:
    if not target.wants_metadata or file.has_metadata:
        return
    images = [t for t in file.inputs if len(t.shape) == _IMAGE_RANK and t.dtype == "float32"]
    detects = any(n.name == DETECTION_POSTPROCESS for n in file.nodes)
    if images or detects:
        what = "a detector" if detects else f"{images[0].name} is float32"
        yield Problem(
            "metadata",
            f"{what}, and no metadata: MediaPipe Tasks refuses it; LiteRT has no need of it",
            "convert for the target, with `input_range`, or call `tflite.metadata.add_metadata`",
        )


def _left_to_processor(file: File, target: Target) -> Iterator[Problem]:
    if target.accelerated is not None:
        names = [n.name for n in file.nodes if n.name not in target.accelerated]
        if names:
            yield Problem(
                "operators of the accelerator",
                f"{_listed(names)}: left to the processor beside it",
                "replace the layer, or end the model before it",
            )


Rule = Callable[[File, Target], Iterator[Problem]]

PROBLEM_RULES: tuple[Rule, ...] = (
    *(_builtin_operators, _custom_operators, _input_dtypes, _output_dtypes, _batch),
    *(_open_size_problems, _float_arithmetic, _mixed_types, _linear_inputs, _dequantized),
    *(_forbidden_dtypes, _outside_weight_problems),
)
ADVICE_RULES: tuple[Rule, ...] = (
    *(_open_size_advice, _outside_weight_advice, _metadata, _left_to_processor),
    *(_many_classes, _joined_outputs),
)


def _listed(names: Iterable[str]) -> str:
    """Returns the different names, the first few of them."""
    names = list(dict.fromkeys(names))
    rest = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + rest
