"""The lowest score of the boxes that a detector's .tflite file returns, as recorded in the file."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.detection_postprocess import OPERATOR
from keras_cv_course.tflite.validation import reading

_SCORE_INPUT = 4  # of NON_MAX_SUPPRESSION_V5


def lowest_score(path: str | os.PathLike[str]) -> float:
    """Returns the score below which a file leaves boxes out.

    Args:
        path: A .tflite file with its suppression inside.

    Raises:
        ValueError: If it has none.
    """
    with reading(path):
        model = flatbuffer.read(Path(path).read_bytes())
        for operator in model.subgraphs[0].operators:
            code = model.operatorCodes[operator.opcodeIndex]
            read = _READERS.get(code.customCode or code.builtinCode)
            if read is not None:
                return read(model, operator)
    raise ValueError(f"`path` must be a file with its suppression inside. Received: {path}.")


def _of_postprocess(model: schema.ModelT, operator: schema.OperatorT) -> float:
    options = flexbuffers.Loads(bytes(bytearray(operator.customOptions)))
    return float(options["nms_score_threshold"])


def _of_suppression(model: schema.ModelT, operator: schema.OperatorT) -> float:
    tensor = model.subgraphs[0].tensors[operator.inputs[_SCORE_INPUT]]
    data = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    return float(data.view(np.float32)[0])


_READERS: dict[bytes | int, Callable[[schema.ModelT, schema.OperatorT], float]] = {
    OPERATOR.encode(): _of_postprocess,
    schema.BuiltinOperator.NON_MAX_SUPPRESSION_V5: _of_suppression,
}
