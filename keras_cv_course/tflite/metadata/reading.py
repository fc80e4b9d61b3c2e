"""Reads Google's metadata out of a .tflite file, also one from elsewhere."""

import dataclasses
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_cv_course.tflite.labels import read_labels
from keras_cv_course.tflite.metadata import schema
from keras_cv_course.tflite.metadata.tables import read_root

# Metadata beyond this is not read: the largest part, anchors, takes 24 bytes each.
_LARGEST_BYTES = 8 * 2**20
_LARGEST_PIXEL = 255
_CUSTOM = {schema.SEGMENTER_NAME: schema.SEGMENTER, schema.DETECTOR_NAME: schema.DETECTOR}
_LABEL_TYPES = (schema.AXIS_LABELS, schema.VALUE_LABELS)


@dataclass(frozen=True)
class Metadata:
    """What the metadata of a .tflite file says.

    Attributes:
        task: "classifier", "embedder", "segmenter", "detector" or "anchor_detector"; None where it
            is unknown.
        name: Name of the model.
        description: What the model does.
        author: Who made it.
        license: Terms of use.
        min_parser_version: Version of the schema that a reader must know.
        inputs: Name of each input.
        outputs: Name of each output, in the order of the file.
        mean: Of the first input's normalization (pixel - mean) / std, one number or one a channel.
        std: Likewise.
        labels: Class names; None without.
        options: What the custom metadata of a segmenter or an anchor detector holds.
    """

    task: str | None
    name: str | None
    description: str | None
    author: str | None
    license: str | None
    min_parser_version: str | None
    inputs: tuple[str | None, ...]
    outputs: tuple[str | None, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: tuple[str, ...] | None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def input_range(self) -> tuple[float, float] | None:
        """Value of the input for pixel 0 and 255; None unless it is the same for all channels."""
        if len(set(self.mean)) != 1 or len(set(self.std)) != 1 or self.std[0] == 0:
            return None
        mean, std = self.mean[0], self.std[0]
        return (0.0 - mean) / std, (_LARGEST_PIXEL - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as what JSON can hold."""
        return dataclasses.asdict(self)


def read_metadata(path: str | os.PathLike[str]) -> Metadata | None:
    """Returns the metadata of a .tflite file, or None where it has none.

    Args:
        path: A .tflite file from anywhere.

    Raises:
        ValueError: If the file is no .tflite file, or its metadata or labels are corrupt.

    Example:
        >>> read_metadata("model.tflite").task
        'classifier'
    """
    path = Path(path)
    try:
        tables = read_tables(path.read_bytes())
        if tables is None:
            return None
        graphs = tables["subgraph_metadata"]
        graph = graphs[0] if graphs else dict.fromkeys(f.name for f in schema.SUBGRAPH.fields)
        inputs = graph["input_tensor_metadata"] or ()
        outputs = graph["output_tensor_metadata"] or ()
        custom = _custom(graph["custom_metadata"] or ())
    # A corrupt table can raise anything in its reader.
    except Exception as error:
        raise ValueError(
            f"{path} must be a .tflite file whose metadata can be read, but {error}. "
            "Convert the model again."
        ) from error
    mean, std = _normalization(inputs)
    return Metadata(
        task=next((task for task, fits in _TASKS.items() if fits(outputs, custom)), None),
        name=tables["name"],
        description=tables["description"],
        author=tables["author"],
        license=tables["license"],
        min_parser_version=tables["min_parser_version"],
        inputs=tuple(tensor["name"] for tensor in inputs),
        outputs=tuple(tensor["name"] for tensor in outputs),
        mean=mean,
        std=std,
        labels=_labels(path, outputs),
        options=next(iter(custom.values()), {}),
    )


def read_tables(data: bytes) -> dict[str, Any] | None:
    """Returns the metadata as nested dicts, named as in the schema; None where there is none.

    Args:
        data: Content of a .tflite file.

    Raises:
        ValueError: If it is no .tflite file, or the metadata is corrupt.
    """
    model = read_root(schema.MODEL, data, schema.MODEL_IDENTIFIER)
    entry = next((entry for entry in model["metadata"] if entry["name"] == schema.ENTRY_NAME), None)
    if entry is None:
        return None
    index = entry["buffer"]
    buffer = next(itertools.islice(model["buffers"], index, None), None)
    if buffer is None:
        raise ValueError(f"buffer {index} is missing")
    # Large files hold contents behind the FlatBuffer.
    outside = memoryview(data)[buffer["offset"] : buffer["offset"] + buffer["size"]]
    content = outside if buffer["offset"] else buffer["data"]
    if content is None or len(content) > _LARGEST_BYTES:
        raise ValueError(f"it must be 1 to {_LARGEST_BYTES:,} bytes long")
    return read_root(schema.METADATA, content, schema.METADATA_IDENTIFIER)


def _custom(entries: tuple[dict[str, Any], ...]) -> dict[str, dict[str, Any]]:
    return {
        entry["name"]: read_root(_CUSTOM[entry["name"]], entry["data"], schema.CUSTOM_IDENTIFIER)
        for entry in entries
        if entry["name"] in _CUSTOM and entry["data"] is not None
    }


def _normalization(
    inputs: tuple[dict[str, Any], ...],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for tensor in inputs[:1]:
        for unit in tensor["process_units"]:
            options = unit["options"]
            if options is not None and options[0] == "NormalizationOptions":
                return options[1]["mean"], options[1]["std"]
    return (), ()


def _label_files(outputs: tuple[dict[str, Any], ...]) -> list[str]:
    files = [file for tensor in outputs for file in tensor["associated_files"]]
    return [file["name"] for file in files if file["type"] in _LABEL_TYPES and file["name"]]


def _labels(path: Path, outputs: tuple[dict[str, Any], ...]) -> tuple[str, ...] | None:
    # Translations of the names come after them.
    for name in _label_files(outputs)[:1]:
        labels = read_labels(path, name)
        if labels is None:
            raise ValueError(
                f"{path} holds metadata that names a list of labels, {name!r}, which is not in the "
                "file. Convert the model again."
            )
        return labels
    return None


def _has(outputs: tuple[dict[str, Any], ...], properties: str) -> bool:
    contents = [tensor["content"] or {} for tensor in outputs]
    pairs = [content.get("content_properties") for content in contents]
    return any(pair is not None and pair[0] == properties for pair in pairs)


# The first that fits; a name decides only if nothing else determines the task.
_TASKS: dict[str, Callable[[tuple[dict[str, Any], ...], dict[str, Any]], bool]] = {
    "anchor_detector": lambda outputs, custom: schema.DETECTOR_NAME in custom,
    "segmenter": lambda outputs, custom: (
        schema.SEGMENTER_NAME in custom or _has(outputs, "ImageProperties")
    ),
    "detector": lambda outputs, custom: _has(outputs, "BoundingBoxProperties"),
    "embedder": lambda outputs, custom: (
        [tensor["name"] for tensor in outputs] in (["embedding"], ["feature"])
    ),
    "classifier": lambda outputs, custom: (
        len(outputs) == 1
        and (bool(_label_files(outputs)) or outputs[0]["name"] in ("score", "probability"))
    ),
}
