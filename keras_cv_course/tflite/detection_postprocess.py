"""Detections inside the file: the operator that takes the place of the layer that makes boxes.

The converter cannot translate non-maximum suppression into one operator that runs everywhere. So
the layer is cut off before the conversion, the network in front of it becomes a file like any
other, and TFLite_Detection_PostProcess is put at that file's end.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from keras_cv_course.detectors.detections import NETWORK_OUTPUTS
from keras_cv_course.layers.detection_postprocess import OUTPUTS, SWAP_XY, DetectionPostProcess
from keras_cv_course.tflite import flatbuffer

OPERATOR = "TFLite_Detection_PostProcess"


def append(data: bytes, layer: DetectionPostProcess) -> bytes:
    """Returns a .tflite of the network in front of `layer` with the operator at its end.

    Args:
        data: A .tflite with a signature and one subgraph. Its float32 outputs are "boxes" `(1,
            anchors, 4)` and "scores" `(1, anchors, classes)`, as `split_detections` names them.
            An int8 file has a DEQUANTIZE in front of them: the operator does not take int8.
        layer: What the operator shall do.

    Returns:
        A file with the layer's four outputs, in the order of the operator: boxes, classes,
        scores, count. Metadata have to be added behind this step.

    Raises:
        ValueError: If the outputs are others.
    """
    model = flatbuffer.read(data)
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    inputs = _network_outputs(graph, signature, layer)
    most = layer.max_detections
    shapes = ([1, most, 4], [1, most], [1, most], [1])
    anchors = np.ascontiguousarray(layer.anchors[:, SWAP_XY], np.float32)
    model.buffers.append(schema.BufferT(data=np.frombuffer(anchors.tobytes(), np.uint8)))
    inputs.append(_add_tensor(graph, "anchors", list(anchors.shape), len(model.buffers) - 1))
    outputs = [_add_tensor(graph, *item) for item in zip(OUTPUTS, shapes, strict=True)]
    custom = schema.BuiltinOperator.CUSTOM
    model.operatorCodes.append(
        schema.OperatorCodeT(
            deprecatedBuiltinCode=custom, builtinCode=custom, customCode=OPERATOR, version=1
        )
    )
    graph.operators.append(
        schema.OperatorT(
            opcodeIndex=len(model.operatorCodes) - 1,
            inputs=inputs,
            outputs=outputs,
            customOptions=np.frombuffer(flexbuffers.Dumps(_options(layer)), np.uint8),
        )
    )
    graph.outputs = outputs
    signature.outputs = [
        schema.TensorMapT(name=name, tensorIndex=index)
        for name, index in zip(OUTPUTS, outputs, strict=True)
    ]
    return flatbuffer.write(model)


def _network_outputs(
    graph: schema.SubGraphT, signature: schema.SignatureDefT, layer: DetectionPostProcess
) -> list[int]:
    """Returns the indices of codes and scores."""
    indices = {output.name.decode(): output.tensorIndex for output in signature.outputs}
    count = len(layer.anchors)
    expected = {"boxes": (1, count, 4), "scores": (1, count, layer.classes)}
    received = {name: tuple(graph.tensors[i].shape) for name, i in indices.items()}
    floats = all(graph.tensors[i].type == schema.TensorType.FLOAT32 for i in indices.values())
    if received != expected or not floats:
        raise ValueError(
            f"`data` must have the float32 outputs {expected} for this layer. "
            f"Received: {received}{'' if floats else ', not all float32'}. "
            "Convert the network that `split_detections` returns, with float outputs."
        )
    return [indices[name] for name in NETWORK_OUTPUTS]


def _add_tensor(graph: schema.SubGraphT, name: str, shape: list[int], buffer: int = 0) -> int:
    """Returns the index of a new float32 tensor; buffer 0 is the empty one."""
    graph.tensors.append(
        schema.TensorT(name=name, shape=shape, type=schema.TensorType.FLOAT32, buffer=buffer)
    )
    return len(graph.tensors) - 1


def _options(layer: DetectionPostProcess) -> dict[str, Any]:
    """Returns the operator's options, which stand in the file."""
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
