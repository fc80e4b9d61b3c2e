"""Finds what each output of a file is for, and refuses metadata that do not fit the file."""

from collections.abc import Sequence
from math import prod

from ai_edge_litert import schema_py_generated as tflite_schema
from ai_edge_litert.tools import flatbuffer_utils
from flatbuffers import flexbuffers

from keras_cv_course.tflite.metadata.kinds import (
    AnchorDetectorMetadata,
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    OutputMetadata,
    SegmenterMetadata,
)

DETECTIONS = ("location", "category", "score", "number of detections")
# Of outputs that builtin operators make.
_DETECTION_NAMES = dict(zip(("boxes", "classes", "scores", "count"), DETECTIONS, strict=True))
_POSTPROCESS = b"TFLite_Detection_PostProcess"
_COORDINATES = 4
_DTYPES = ("FLOAT32", "UINT8", "INT8")
_BOX_WORDS = ("box", "location")


def find_outputs(model: tflite_schema.ModelT, metadata: OutputMetadata) -> tuple[str, ...]:
    """Returns what each output of the file is, in the order of the file.

    Args:
        model: A .tflite as objects.
        metadata: The description of its outputs.

    Raises:
        ValueError: If inputs or outputs are not what the metadata say, or labels not as many as
            classes.
    """
    graph = model.subgraphs[0]
    _check_input(graph)
    shapes = [_shape(graph, index) for index in graph.outputs]
    for index in graph.outputs:
        _check_dtype(graph, index, metadata)
    match metadata:
        case ClassifierMetadata():
            return _vector(shapes, metadata, "score", metadata.labels)
        case EmbedderMetadata():
            return _vector(shapes, metadata, "embedding", ())
        case SegmenterMetadata():
            _check(
                len(shapes) == 1 and len(shapes[0]) == 4,
                metadata,
                "one output (1, height, width, classes)",
                shapes,
            )
            _check_labels(metadata.labels, shapes[0][-1])
            return ("segmentation_masks",)
        case DetectorMetadata():
            return _detections(model, metadata, shapes)
        case AnchorDetectorMetadata():
            return _codes(_names(model), metadata, shapes)


def _vector(
    shapes: list[tuple[int, ...]], metadata: OutputMetadata, name: str, labels: Sequence[str]
) -> tuple[str, ...]:
    # Runtimes take (1, n) and (1, 1, 1, n).
    fits = len(shapes) == 1 and len(shapes[0]) in (2, 4) and prod(shapes[0][:-1]) == 1
    _check(fits, metadata, "one output (1, size)", shapes)
    _check_labels(labels, shapes[0][-1])
    return (name,)


def _detections(
    model: tflite_schema.ModelT, metadata: DetectorMetadata, shapes: list[tuple[int, ...]]
) -> tuple[str, ...]:
    graph = model.subgraphs[0]
    operators = [
        operator
        for operator in graph.operators
        if model.operatorCodes[operator.opcodeIndex].customCode == _POSTPROCESS
    ]
    if not operators and sorted(_names(model)) == sorted(_DETECTION_NAMES):
        return tuple(_DETECTION_NAMES[name] for name in _names(model))
    roles: dict[int, str] = {}
    for operator in operators:
        roles |= dict(zip(map(int, operator.outputs), DETECTIONS, strict=True))
    wanted = "the four outputs of one TFLite_Detection_PostProcess"
    fits = len(operators) == 1 and sorted(roles) == sorted(map(int, graph.outputs))
    _check(fits, metadata, wanted, shapes)
    options = flexbuffers.GetRoot(bytearray(operators[0].customOptions)).AsMap
    _check_labels(metadata.labels, options["num_classes"].AsInt)
    return tuple(roles[int(index)] for index in graph.outputs)


def _codes(
    names: list[str], metadata: AnchorDetectorMetadata, shapes: list[tuple[int, ...]]
) -> tuple[str, ...]:
    count = len(metadata.anchors)
    wanted = f"two outputs, boxes (1, {count}, 4) and scores (1, {count}, classes),"
    fits = len(shapes) == 2 and all(len(s) == 3 and s[:2] == (1, count) for s in shapes)
    _check(fits, metadata, wanted, shapes)
    boxes = [k for k, shape in enumerate(shapes) if shape[2] == _COORDINATES]
    if len(boxes) == 2:
        boxes = [k for k, name in enumerate(names) if any(w in name.lower() for w in _BOX_WORDS)]
        if len(boxes) != 1:
            raise ValueError(
                "With 4 classes, boxes and scores have equal shapes: the name of one output must "
                f"have `box` in it. Received: {', '.join(names)}."
            )
    _check(len(boxes) == 1, metadata, wanted, shapes)
    _check_labels(metadata.labels, shapes[1 - boxes[0]][2])
    return ("location", "score") if boxes[0] == 0 else ("score", "location")


def _names(model: tflite_schema.ModelT) -> list[str]:
    """Returns names of the outputs: those of the signature, else those of the tensors."""
    graph = model.subgraphs[0]
    named = {
        int(mapped.tensorIndex): mapped.name
        for signature in model.signatureDefs or ()
        for mapped in signature.outputs
    }
    return [named.get(int(i), graph.tensors[i].name).decode() for i in graph.outputs]


def _shape(graph: tflite_schema.SubGraphT, index: int) -> tuple[int, ...]:
    shape = graph.tensors[index].shape
    return () if shape is None else tuple(int(size) for size in shape)


def _check_input(graph: tflite_schema.SubGraphT) -> None:
    shapes = [_shape(graph, index) for index in graph.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0] != 1 or shapes[0][3] != 3:
        raise ValueError(
            "The file must have one input, an RGB image (1, height, width, 3), to carry "
            f"metadata. Received: {_listed(shapes)}."
        )


def _check_dtype(graph: tflite_schema.SubGraphT, index: int, metadata: OutputMetadata) -> None:
    dtype = flatbuffer_utils.type_to_name(graph.tensors[index].type)
    if dtype not in _DTYPES:
        raise ValueError(
            f"`metadata` {type(metadata).__name__} needs outputs of float32, uint8 or int8. "
            f"Received: {dtype.lower()}. Export scores, without argmax."
        )


def _check(
    fits: bool, metadata: OutputMetadata, wanted: str, shapes: list[tuple[int, ...]]
) -> None:
    if not fits:
        raise ValueError(
            f"`metadata` {type(metadata).__name__} needs {wanted} in the file. "
            f"Received: {_listed(shapes)}."
        )


def _check_labels(labels: Sequence[str], classes: int) -> None:
    if labels and len(labels) != classes:
        raise ValueError(
            f"`labels` must hold one name for each of the {classes} classes in the file. "
            f"Received: {len(labels)} names."
        )


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return f"{len(shapes)} of shape {', '.join(map(str, shapes))}"
