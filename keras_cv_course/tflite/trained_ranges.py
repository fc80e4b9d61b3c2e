"""Brings the ranges of a quantization-aware model into the float file that is quantized.

A marker behind each tensor that is rounded goes through the converter as a pair of QUANTIZE and
DEQUANTIZE with the tensor's step. Behind the converter the pairs are taken out again, and their
ranges stay with the tensors, as calibration would leave them there. So the int8 file is made by
the very quantizer, and into the very graph, of one that is calibrated.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.quantization.aware import without_rounding
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.quantization.keep_float import KeepFloat
from keras_cv_course.quantization.kernels import rounded_weights
from keras_cv_course.quantization.operations.linear import QuantizedDepthwiseConv2D
from keras_cv_course.tflite import flatbuffer

_LEVELS = 255  # of the unsigned integers in which the converter writes a marker


class RangeMarker(keras.layers.Layer):
    """Rounds to 256 values between two numbers, in an operation that the converter knows.

    Args:
        low: Smallest value.
        high: Largest value.
        **kwargs: As in `keras.layers.Layer`.
    """

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low = low
        self.high = high

    def call(self, inputs: Any) -> Any:
        """Returns the rounded inputs."""
        return tf.quantization.fake_quant_with_min_max_args(inputs, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"low": self.low, "high": self.high}


def check_options(
    model: keras.Model,
    quantize: str,
    io_dtype: str,
    calibration_data: Any,
    keep_float: Sequence[str],
) -> None:
    """Raises ValueError if an option of `convert` contradicts a quantization-aware model."""
    if quantize != "int8":
        raise ValueError(
            '`quantize` must be "int8" for a quantization-aware model. Received: '
            f'"{quantize}". Convert the float model, `quantization.strip(model)`, instead.'
        )
    for name, value in (("calibration_data", calibration_data), ("keep_float", keep_float or None)):
        if value is not None:
            raise ValueError(
                f"`{name}` must be left out for a quantization-aware model, which holds it. "
                f"Received: {type(value).__name__}. Give it to `quantize_aware`."
            )

    for y in model.outputs:
        if isinstance(y._keras_history.operation, KeepFloat) and io_dtype != "float32":
            raise ValueError(
                '`io_dtype` must be "float32" for a quantization-aware model whose output stays in '
                f'float, and so has no range. Received: "{io_dtype}", with the output '
                f"{y._keras_history.operation.name!r}. Leave its layer out of `keep_float`."
            )


def mark(model: keras.Model) -> keras.Model:
    """Returns the float form of a quantization-aware model, with a marker at each range.

    Raises:
        ValueError: If a range has not seen data, or a depthwise kernel has one range for all.
    """
    for layer in model.layers:
        if isinstance(layer, QuantizedDepthwiseConv2D) and not layer.per_channel:
            raise ValueError(
                "`model` must be made with depthwise_per_channel=True to become a file. Received: "
                f"layer {layer.name!r} with one range for all channels."
            )
    return without_rounding(model, lambda layer, x: _marker(layer)(x), rounded_weights)


def _marker(layer: FakeQuantize) -> RangeMarker:
    low, high = (float(limit) for limit in layer.range())
    if low >= high:
        raise ValueError(
            f"`model` must know the range of {layer.name!r}, which has seen no data, or only "
            "zeros. Call `calibrate(model, data)`, or train it."
        )
    return RangeMarker(low, high)


def take(data: bytes) -> bytes:
    """Returns a file without its markers, whose tensors hold the ranges instead."""
    model = flatbuffer.read(data)
    graph = model.subgraphs[0]
    kinds = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    by_kind = defaultdict(list)
    for operator in graph.operators:
        by_kind[kinds[operator.opcodeIndex]].append(operator)
    starts = by_kind.pop(schema.BuiltinOperator.QUANTIZE, [])
    ends = by_kind.pop(schema.BuiltinOperator.DEQUANTIZE, [])
    rounded = {int(op.outputs[0]): int(op.inputs[0]) for op in starts}
    instead: dict[int, int] = {}
    for end in ends:  # In the order of the graph, so that markers in a row lead to the first.
        source = rounded[int(end.inputs[0])]
        instead[int(end.outputs[0])] = instead.get(source, source)
    for marker, tensor in rounded.items():
        low, high = _range(graph.tensors[marker])
        graph.tensors[tensor].quantization = schema.QuantizationParametersT(min=[low], max=[high])
    markers = {id(op) for op in (*starts, *ends)}
    graph.operators = [op for op in graph.operators if id(op) not in markers]
    for operator in graph.operators:
        operator.inputs = [instead.get(int(i), int(i)) for i in operator.inputs]
    graph.outputs = [instead.get(int(i), int(i)) for i in graph.outputs]
    for signature in model.signatureDefs:
        for output in signature.outputs:
            output.tensorIndex = instead.get(output.tensorIndex, output.tensorIndex)
    return flatbuffer.write(model)


def _range(marker: schema.TensorT) -> tuple[float, float]:
    step, zero = float(marker.quantization.scale[0]), int(marker.quantization.zeroPoint[0])
    return -zero * step, (_LEVELS - zero) * step
