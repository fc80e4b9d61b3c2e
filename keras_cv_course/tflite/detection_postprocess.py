"""Detections inside the file: the operator that takes the place of the layer that makes boxes.

The converter cannot translate non-maximum suppression into one operator that runs everywhere. So
the layer is an island with a file of its own, which holds TFLite_Detection_PostProcess.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from keras_cv_course.layers.detection_postprocess import SWAP_XY, DetectionPostProcess
from keras_cv_course.tflite import flatbuffer

_SCHEMA_VERSION = 3  # of the FlatBuffer

OPERATOR = "TFLite_Detection_PostProcess"


def file_of(layer: DetectionPostProcess, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Returns a .tflite with the operator alone.

    Args:
        layer: What the operator shall do.
        inputs: Names of codes and scores.
        outputs: Names of boxes, classes, scores and count.
    """
    count, most = len(layer.anchors), layer.max_detections
    graph = schema.SubGraphT(tensors=[], operators=[])
    taken = [
        _add_tensor(graph, name, [1, count, size])
        for name, size in zip(inputs, (4, layer.classes), strict=True)
    ]
    anchors = np.ascontiguousarray(layer.anchors[:, SWAP_XY], np.float32)
    constants = schema.BufferT(data=np.frombuffer(anchors.tobytes(), np.uint8))
    constant = _add_tensor(graph, "anchors", list(anchors.shape), 1)
    shapes = ([1, most, 4], [1, most], [1, most], [1])
    made = [_add_tensor(graph, *item) for item in zip(outputs, shapes, strict=True)]
    graph.operators = [
        schema.OperatorT(
            opcodeIndex=0,
            inputs=[*taken, constant],
            outputs=made,
            customOptions=np.frombuffer(flexbuffers.Dumps(_options(layer)), np.uint8),
        )
    ]
    graph.inputs, graph.outputs = taken, made
    custom = schema.BuiltinOperator.CUSTOM
    code = schema.OperatorCodeT(
        deprecatedBuiltinCode=custom, builtinCode=custom, customCode=OPERATOR, version=1
    )
    model = schema.ModelT(
        version=_SCHEMA_VERSION,
        subgraphs=[graph],
        buffers=[schema.BufferT(), constants],
        operatorCodes=[code],
    )
    names = {name: name for name in (*inputs, *outputs)}
    return flatbuffer.name_signature(flatbuffer.write(model), names, names)


def _add_tensor(graph: schema.SubGraphT, name: str, shape: list[int], buffer: int = 0) -> int:
    """Returns the index of a new float32 tensor; buffer 0 is the empty one."""
    graph.tensors.append(
        schema.TensorT(name=name, shape=shape, type=schema.TensorType.FLOAT32, buffer=buffer)
    )
    return len(graph.tensors) - 1


def _options(layer: DetectionPostProcess) -> dict[str, Any]:
    """Returns the operator's options, as they are in the file."""
    x_scale, y_scale, w_scale, h_scale = layer.scales
    return {
        "max_detections": layer.max_detections,
        "max_classes_per_detection": 1,
        "detections_per_class": layer.max_detections,
        # The other way of the operator leaves unused places undefined.
        "use_regular_nms": True,
        "nms_score_threshold": float(layer.score_threshold),
        "nms_iou_threshold": float(layer.iou_threshold),
        "num_classes": layer.classes,
        "y_scale": y_scale,
        "x_scale": x_scale,
        "h_scale": h_scale,
        "w_scale": w_scale,
    }
