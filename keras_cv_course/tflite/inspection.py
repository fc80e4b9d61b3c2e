"""Shows what is inside a .tflite file: operators, types, partitions, inputs and outputs."""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from rich.markup import escape
from rich.table import Table

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite._report import render, save_json
from keras_cv_course.tflite.labels import read_labels
from keras_cv_course.tflite.metadata import Metadata, read_metadata
from keras_cv_course.tflite.operator_sets import operator_name
from keras_cv_course.tflite.runtime import load_interpreter, named_details
from keras_cv_course.tflite.tensors import TensorSpec, spec_from_details
from keras_cv_course.tflite.validation import check_file, reading

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
_FLOATS = {"float16", "bfloat16", "float32", "float64"}
_QUANTIZED = {"int4", "int8", "uint8", "int16"}
_DELEGATE = "DELEGATE"


@dataclass(frozen=True)
class ModelReport:
    """What is inside one .tflite file.

    Attributes:
        path: The file.
        bytes: Its size.
        operators: Name of every operator, in the order of the file.
        outside: Operators that no XNNPACK partition runs, in the same order. They run one by one,
            and split what XNNPACK could run in one go.
        partitions: Number of XNNPACK partitions; 1 with nothing outside is the best.
        float_operators: Operators that read or write a float tensor, except conversions.
        quantized_share: Share of the operators that compute in integers: all their tensors are
            integers and at least one is int4, int8, uint8 or int16. The conversions QUANTIZE and
            DEQUANTIZE count neither for it nor against it. 0 for a file with nothing else.
        tensor_dtypes: Number of tensors, weights included, of each type.
        inputs: What goes in.
        outputs: Its outputs.
        signatures: Names of inputs and outputs of each signature.
        class_names: Names of the classes, where the file carries them, else None.
        metadata: The content of Google's metadata, if there is any.
    """

    path: Path
    bytes: int
    operators: tuple[str, ...]
    outside: tuple[str, ...]
    partitions: int
    float_operators: tuple[str, ...]
    quantized_share: float
    tensor_dtypes: dict[str, int]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    signatures: dict[str, dict[str, list[str]]]
    class_names: tuple[str, ...] | None
    metadata: Metadata | None

    @property
    def operator_counts(self) -> dict[str, int]:
        """Number of operators of each kind, the most frequent first."""
        return dict(Counter(self.operators).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as what JSON can hold."""
        return {
            **dataclasses.asdict(self),
            "path": str(self.path),
            "metadata": None if self.metadata is None else self.metadata.to_dict(),
            "operator_counts": self.operator_counts,
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report as JSON and returns the file's path."""
        return save_json(self.to_dict(), path)

    def __str__(self) -> str:
        return render(_summary(self), _operator_table(self), _tensor_table(self))


def inspect(path: str | os.PathLike[str], validate: bool = True) -> ModelReport:
    """Returns a report on what is inside a .tflite file.

    Args:
        path: A .tflite file from anywhere.
        validate: As in `TFLiteModel`: loads and runs the file in a child process first. False is
            for files that this process has written.

    Raises:
        ValueError: If the file is not one that LiteRT runs.

    Example:
        >>> report = inspect("model.tflite")
        >>> report.partitions, report.operator_counts["CONV_2D"]
        (1, 35)
    """
    path = Path(path)
    if validate:
        check_file(path)
    with reading(path):
        return _report(path)


def _report(path: Path) -> ModelReport:
    interpreter = load_interpreter(path)
    operators = _operators(flatbuffer.read(path.read_bytes()))
    dtypes = [dtype for graph in operators for dtype in graph.tensor_dtypes]
    named = [operator for graph in operators for operator in graph.operators]
    computing = [(name, types) for name, types in named if name not in _CONVERSIONS]
    quantized = [name for name, types in computing if types & _QUANTIZED and not types & _FLOATS]
    inputs, outputs = named_details(interpreter)
    partitions, outside = _partitions(interpreter)
    return ModelReport(
        path=path,
        bytes=path.stat().st_size,
        operators=tuple(name for name, _ in named),
        outside=outside,
        partitions=partitions,
        float_operators=tuple(name for name, types in computing if types & _FLOATS),
        quantized_share=len(quantized) / len(computing) if computing else 0.0,
        tensor_dtypes=dict(Counter(dtypes).most_common()),
        inputs=tuple(spec_from_details(name, details) for name, details in inputs),
        outputs=tuple(spec_from_details(name, details) for name, details in outputs),
        signatures=interpreter.get_signature_list(),
        class_names=read_labels(path),
        metadata=read_metadata(path),
    )


@dataclass(frozen=True)
class _Graph:
    tensor_dtypes: list[str]
    operators: list[tuple[str, set[str]]]  # name, and the types of all that it reads and writes


def _operators(model: schema.ModelT) -> list[_Graph]:
    graphs = []
    for graph in model.subgraphs:
        dtypes = [flatbuffer_utils.type_to_name(tensor.type).lower() for tensor in graph.tensors]
        operators = [
            (
                operator_name(model.operatorCodes[operator.opcodeIndex]),
                {dtypes[i] for i in _present(operator.inputs, operator.outputs)},
            )
            for operator in graph.operators or ()
        ]
        graphs.append(_Graph(dtypes, operators))
    return graphs


def _present(*indices: Iterable[int] | None) -> list[int]:
    """Returns the indices without the -1 of optional inputs that are not there."""
    return [int(i) for part in indices if part is not None for i in part if i >= 0]


def _partitions(interpreter: Interpreter) -> tuple[int, tuple[str, ...]]:
    """Returns the number of partitions, and the names of the operators outside of them.

    After the allocation the interpreter lists the file's operators, and then the delegate's nodes.
    An operator is in a partition if one of the partition's outputs comes from it by a path that
    does not pass the partition's inputs.
    """
    # Private, but the only way to see what the delegate took.
    details = interpreter._get_ops_details()
    operators = [node for node in details if node["op_name"] != _DELEGATE]
    delegates = [node for node in details if node["op_name"] == _DELEGATE]
    producers = {int(i): k for k, node in enumerate(operators) for i in node["outputs"]}
    inside: set[int] = set()
    for delegate in delegates:
        known = set(_present(delegate["inputs"]))
        pending = _present(delegate["outputs"])
        while pending:
            tensor = pending.pop()
            if tensor in known or tensor not in producers:
                continue
            known.add(tensor)
            inside.add(producers[tensor])
            pending += _present(operators[producers[tensor]]["inputs"])
    outside = tuple(node["op_name"] for k, node in enumerate(operators) if k not in inside)
    return len(delegates), outside


def _summary(report: ModelReport) -> Table:
    table = Table(show_header=False)
    dtypes = ", ".join(f"{count} {dtype}" for dtype, count in report.tensor_dtypes.items())
    classes = "none in the file" if report.class_names is None else f"{len(report.class_names)}"
    for name, value in [
        ("file", str(report.path)),
        ("size", f"{report.bytes:,} bytes"),
        ("operators", f"{len(report.operators)}, {report.quantized_share:.0%} quantized"),
        ("XNNPACK partitions", f"{report.partitions}, {len(report.outside)} operators outside"),
        ("tensors", dtypes),
        ("signatures", ", ".join(report.signatures) or "none"),
        ("class names", classes),
        ("metadata", _told(report.metadata)),
    ]:
        table.add_row(name, escape(value))
    return table


def _told(metadata: Metadata | None) -> str:
    """Returns task and normalization in words."""
    if metadata is None:
        return "none"
    normal = f", (pixel - {metadata.mean}) / {metadata.std}" if metadata.std else ""
    return f"{metadata.task or 'no task'}{normal}"


def _operator_table(report: ModelReport) -> Table:
    table = Table("operator")
    for title in ("count", "float", "outside XNNPACK"):
        table.add_column(title, justify="right")
    for name, count in report.operator_counts.items():
        table.add_row(
            escape(name),
            str(count),
            *(_count(names, name) for names in (report.float_operators, report.outside)),
        )
    return table


def _count(names: Sequence[str], name: str) -> str:
    return str(names.count(name) or "")


def _tensor_table(report: ModelReport) -> Table:
    table = Table("", "name", "shape", "type", "scale", "zero point")
    for kind, specs in (("input", report.inputs), ("output", report.outputs)):
        for spec in specs:
            quantization = ("", "")
            if spec.scale is not None:
                quantization = (f"{spec.scale:.6g}", str(spec.zero_point))
            table.add_row(kind, escape(spec.name), str(spec.shape), spec.dtype, *quantization)
    return table
