"""Writes Google's metadata into a .tflite file."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as tflite_schema

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.labels import (
    LABELS_MEMBER,
    join_archive,
    label_lines,
    split_archive,
)
from keras_cv_course.tflite.metadata import schema
from keras_cv_course.tflite.metadata.kinds import (
    AnchorDetectorMetadata,
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    OutputMetadata,
    SegmenterMetadata,
)
from keras_cv_course.tflite.metadata.outputs import DETECTIONS, find_outputs
from keras_cv_course.tflite.metadata.tables import write_root

_LARGEST_PIXEL = 255
_CUSTOM_VERSION = "1.0.0"


@dataclass(frozen=True)
class _Kind:
    name: str
    description: str
    labelled: str = ""  # the output that the labels belong to
    label_type: str = schema.AXIS_LABELS


_KINDS: dict[type, _Kind] = {
    ClassifierMetadata: _Kind("ImageClassifier", "Scores the classes of an image.", "score"),
    EmbedderMetadata: _Kind("ImageEmbedder", "Turns an image into a feature vector."),
    SegmenterMetadata: _Kind(
        "ImageSegmenter", "Scores the classes of each pixel.", "segmentation_masks"
    ),
    DetectorMetadata: _Kind("ObjectDetector", "Finds objects.", "category", schema.VALUE_LABELS),
    AnchorDetectorMetadata: _Kind("ObjectDetector", "Scores boxes around objects.", "score"),
}
_DESCRIPTIONS = {
    "score": "Score of each class or detection.",
    "embedding": "Feature vector.",
    "segmentation_masks": "Score of each class for each pixel.",
    "location": "Boxes as top, left, bottom, right.",
    "category": "Class of each detection.",
    "number of detections": "How many detections are valid.",
}
_FEATURE: dict[str, Any] = {"content_properties": ("FeatureProperties", {})}
# The axes that the content spans are written where they are not all but the first.
_CONTENTS: dict[str, dict[str, Any]] = {
    "segmentation_masks": {
        "content_properties": ("ImageProperties", {"color_space": "GRAYSCALE"}),
        "range": {"min": 1, "max": 2},
    },
    "location": {
        "content_properties": (
            "BoundingBoxProperties",
            {"index": (1, 0, 3, 2), "type": "BOUNDARIES", "coordinate_type": "RATIO"},
        ),
        "range": {"min": 2, "max": 2},
    },
}


def add_metadata(data: bytes, metadata: OutputMetadata, input_range: tuple[float, float]) -> bytes:
    """Returns the bytes of a .tflite file that describes what it does and what it takes.

    Metadata that `data` has is replaced, and so is the list of labels; one without labels
    leaves none. Other members of the archive are kept. Weights outside of the FlatBuffer come to
    be inside. Equal arguments give equal bytes.

    Args:
        data: Content of a .tflite file with one RGB image as input.
        metadata: What the network's outputs are.
        input_range: Value of the input for pixel 0 and for pixel 255, for an integer input before
            it is quantized.

    Raises:
        ValueError: If the file's inputs and outputs are not what the metadata say, if labels are
            not as many as classes, or if `input_range` is empty.

    Example:
        >>> data = add_metadata(data, ClassifierMetadata(("cat", "dog")), (-1.0, 1.0))
    """
    image = _image(*_normalization(input_range))
    content, members = split_archive(data)
    model = flatbuffer.read(content)
    outputs = find_outputs(model, metadata)
    subgraph = {
        "input_tensor_metadata": [image],
        "output_tensor_metadata": [_output(name, metadata) for name in outputs],
        **_extras(metadata, model, outputs),
    }
    root = _root(metadata, subgraph)
    _place(model, write_root(schema.METADATA, root, schema.METADATA_IDENTIFIER))
    members.pop(LABELS_MEMBER, None)
    labels = _labels(metadata)
    if labels:
        members[LABELS_MEMBER] = label_lines(labels)
    return join_archive(flatbuffer.write(model), members)


def _normalization(input_range: tuple[float, float]) -> tuple[float, float]:
    """Returns mean and std with (pixel - mean) / std in the range."""
    low, high = input_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            "`input_range` must be the values for pixel 0 and pixel 255, the lower one first. "
            f"Received: {input_range!r}."
        )
    std = _LARGEST_PIXEL / (high - low)
    return 0.0 - low * std, std  # 0.0 - 0.0, where -0.0 would be odd to read


def _labels(metadata: OutputMetadata) -> tuple[str, ...]:
    return () if isinstance(metadata, EmbedderMetadata) else metadata.labels


def _image(mean: float, std: float) -> dict[str, Any]:
    return {
        "name": "image",
        "description": "RGB image.",
        "content": {"content_properties": ("ImageProperties", {"color_space": "RGB"})},
        "process_units": [{"options": ("NormalizationOptions", {"mean": [mean], "std": [std]})}],
    }


def _output(name: str, metadata: OutputMetadata) -> dict[str, Any]:
    kind = _KINDS[type(metadata)]
    output: dict[str, Any] = {
        "name": name,
        "description": _DESCRIPTIONS[name],
        "content": _CONTENTS.get(name, _FEATURE),
    }
    if name == kind.labelled and _labels(metadata):
        output["associated_files"] = [
            {"name": LABELS_MEMBER, "description": "Class names.", "type": kind.label_type}
        ]
    return output


def _extras(
    metadata: OutputMetadata, model: tflite_schema.ModelT, outputs: tuple[str, ...]
) -> dict[str, Any]:
    """Returns what else the subgraph's table holds."""
    match metadata:
        case DetectorMetadata():
            group = {"name": "detection_result", "tensor_names": DETECTIONS[:3]}
            return {"output_tensor_groups": [group]}
        case SegmenterMetadata():
            return {"custom_metadata": [_segmenter(metadata)]}
        case AnchorDetectorMetadata():
            graph = model.subgraphs[0]
            scores = graph.tensors[graph.outputs[outputs.index("score")]]
            return {"custom_metadata": [_detector(metadata, int(scores.shape[-1]))]}
    return {}


def _root(metadata: OutputMetadata, subgraph: dict[str, Any]) -> dict[str, Any]:
    kind = _KINDS[type(metadata)]
    # Only this table has fields of ours that are newer than the first version.
    since = max(field.since for field in schema.SUBGRAPH.fields if field.name in subgraph)
    return {
        "name": kind.name,
        "description": kind.description,
        "subgraph_metadata": [subgraph],
        "min_parser_version": ".".join(map(str, since)),
    }


def _segmenter(metadata: SegmenterMetadata) -> dict[str, Any]:
    options = {"activation": metadata.activation.upper(), "min_parser_version": _CUSTOM_VERSION}
    content = write_root(schema.SEGMENTER, options, schema.CUSTOM_IDENTIFIER)
    return {"name": schema.SEGMENTER_NAME, "data": content}


def _detector(metadata: AnchorDetectorMetadata, classes: int) -> dict[str, Any]:
    fields = ("x_center", "y_center", "width", "height")
    anchors = [
        dict(zip(fields, map(float, row), strict=True)) for row in np.asarray(metadata.anchors)
    ]
    scales = dict(zip(("x_scale", "y_scale", "w_scale", "h_scale"), metadata.scales, strict=True))
    options = {
        "min_parser_version": _CUSTOM_VERSION,
        "ssd_anchors_options": {"fixed_anchors_schema": {"anchors": anchors}},
        "tensors_decoding_options": {
            "num_classes": classes,
            "num_boxes": len(anchors),
            "num_coords": 4,
            "keypoint_coord_offset": 0,
            "num_keypoints": 0,
            "num_values_per_keypoint": 2,
            **scales,
            "apply_exponential_on_box_size": metadata.exponential,
            "sigmoid_score": metadata.sigmoid_score,
        },
    }
    content = write_root(schema.DETECTOR, options, schema.CUSTOM_IDENTIFIER)
    return {"name": schema.DETECTOR_NAME, "data": content}


def _place(model: tflite_schema.ModelT, metadata: bytes) -> None:
    """Puts the metadata in the buffer of the old one, or in a new one."""
    name = schema.ENTRY_NAME.encode()
    entries = model.metadata or []
    # Among them is the empty buffer, which all tensors without a constant share.
    used = {int(t.buffer) for graph in model.subgraphs for t in graph.tensors}
    used |= {int(entry.buffer) for entry in entries if entry.name != name}
    old = [int(entry.buffer) for entry in entries if entry.name == name]
    index = next((buffer for buffer in old if buffer not in used), len(model.buffers))
    if index == len(model.buffers):
        model.buffers.append(tflite_schema.BufferT())
    model.buffers[index].data = np.frombuffer(metadata, np.uint8)
    kept = [entry for entry in entries if entry.name != name]
    model.metadata = [*kept, tflite_schema.MetadataT(name=name, buffer=index)]
