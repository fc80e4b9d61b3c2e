"""Small .tflite files without a computation, and tasks that fit them."""

from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.metadata import (
    AnchorDetectorMetadata,
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    SegmenterMetadata,
)
from keras_cv_course.tflite.metadata.reading import read_tables
from keras_cv_course.tflite.metadata.tables import read_root

RANGE = (-1.0, 1.0)
NAMES = ("cat", "żółw", "traffic light")
ANCHORS = [(0.5, 0.25, 0.125, 1.0), (0.25, 0.75, 0.5, 1.5)]
TYPES = {"float32": 0, "int64": 4, "uint8": 3, "int8": 9}
POSTPROCESS = b"TFLite_Detection_PostProcess"


def toy(
    outputs, inputs=((1, 8, 8, 3),), dtype="float32", names=None, made=(), custom=b"", classes=3
):
    """Bytes of a .tflite with tensors of these shapes; `made`: outputs of its one operator."""
    graph = schema.SubGraphT(inputs=[], outputs=[], operators=[], tensors=[])
    for k, shape in enumerate(inputs):
        graph.inputs.append(k)
        graph.tensors.append(schema.TensorT(shape=list(shape), type=0, buffer=0, name=f"in{k}"))
    # The tensors in reverse, so that their numbers tell nothing.
    graph.outputs = [len(inputs) + k for k in reversed(range(len(outputs)))]
    for k, shape in reversed(list(enumerate(outputs))):
        name = names[k] if names else f"out{k}"
        graph.tensors.append(
            schema.TensorT(shape=list(shape), type=TYPES[dtype], buffer=0, name=name)
        )
    model = schema.ModelT(version=3, subgraphs=[graph], buffers=[schema.BufferT()])
    model.operatorCodes = [schema.OperatorCodeT(builtinCode=32, customCode=custom or None)]
    if made:
        options = flexbuffers.Dumps({"max_detections": 10, "num_classes": classes})
        operator = schema.OperatorT(
            opcodeIndex=0, inputs=[0], outputs=[graph.outputs[k] for k in made]
        )
        operator.customOptions = list(options)
        graph.operators = [operator]
    return flatbuffer.write(model)


def nms(order=(0, 1, 2, 3), **changes):
    """A detector whose operator's outputs are those of the file in this order."""
    shapes = [(1, 10, 4), (1, 10), (1, 10), (1,)]
    outputs = [shapes[order.index(k)] for k in range(4)]
    return toy(outputs, made=order, custom=POSTPROCESS, **changes)


def anchors(**changes):
    return AnchorDetectorMetadata(**{"labels": NAMES, "anchors": ANCHORS} | changes)


def subgraph(data):
    return read_tables(data)["subgraph_metadata"][0]


def custom(data, kind):
    (entry,) = subgraph(data)["custom_metadata"]
    return entry["name"], read_root(kind, entry["data"], b"V001")


def save(tmp_path, data):
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    return path


def metadata_bytes(data):
    model = flatbuffer.read(data)
    (entry,) = [m for m in model.metadata if m.name == b"TFLITE_METADATA"]
    return bytes(model.buffers[entry.buffer].data)


CASES = {
    "classifier": (toy([(1, 3)]), ClassifierMetadata(NAMES)),
    "embedder": (toy([(1, 1, 1, 32)], dtype="uint8"), EmbedderMetadata()),
    "segmenter": (toy([(1, 8, 8, 3)]), SegmenterMetadata(NAMES, "sigmoid")),
    "detector": (nms(), DetectorMetadata(NAMES)),
    "anchor_detector": (toy([(1, 2, 4), (1, 2, 3)]), anchors()),
}
