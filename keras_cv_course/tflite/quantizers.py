"""Ways to make a .tflite smaller, each from the bytes of a float file to those of another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import algorithm_manager, qtyping, quantizer, recipe
from tensorflow.lite.python import convert as tf_convert

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.freezing import FrozenModel
from keras_cv_course.tflite.ranges import measure_ranges

IO_DTYPES = {"float32": tf.float32, "uint8": tf.uint8, "int8": tf.int8}
Samples = Sequence[list[np.ndarray]]


@dataclass(frozen=True)
class Scheme:
    """What a value of `quantize` means.

    Attributes:
        recipe: Recipe of ai-edge-quantizer that makes it from a float file, if that does.
        float16: Whether the weights are stored as float16.
        calibrated: Whether the ranges of activations are needed.
        io_dtypes: Types that the file's inputs and outputs can have.
    """

    recipe: str | None = None
    float16: bool = False
    calibrated: bool = False
    io_dtypes: tuple[str, ...] = ("float32",)

    @property
    def quantizes(self) -> bool:
        """Whether any weight becomes an integer."""
        return self.calibrated or self.recipe is not None


# TensorFlow's quantizer makes the smaller int8 files, and the only ones with uint8 inputs and
# outputs; ai-edge-quantizer is the one with int4 weights, and quick at int16 activations.
SCHEMES: dict[str, Scheme] = {
    "none": Scheme(),
    "float16": Scheme(float16=True),
    "dynamic": Scheme(recipe="dynamic_wi8_afp32"),
    "int8": Scheme(calibrated=True, io_dtypes=("float32", "uint8", "int8")),
    "int8x16": Scheme(recipe="static_wi8_ai16", calibrated=True),
    "int4": Scheme(recipe="dynamic_wi4_afp32"),
}


def to_float(frozen: FrozenModel, float16: bool = False) -> bytes:
    """Returns a float .tflite of builtin operations, its inputs and outputs named.

    Raises:
        tf.lite ConverterError: If an operation has no builtin form.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen.function])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if float16:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return flatbuffer.name_signature(converter.convert(), frozen.inputs, frozen.outputs)


def to_int8(
    data: bytes, input_dtype: str, output_dtype: str, float_tensors: Sequence[str] = ()
) -> bytes:
    """Returns a .tflite with int8 weights and activations.

    Args:
        data: A float .tflite with a signature, whose tensors hold their ranges.
        input_dtype: One of `IO_DTYPES`.
        output_dtype: One of `IO_DTYPES`.
        float_tensors: Operations that make these tensors stay in float.
    """
    quantized = tf_convert.mlir_quantize(
        data,
        input_data_type=IO_DTYPES[input_dtype],
        output_data_type=IO_DTYPES[output_dtype],
        denylisted_nodes=list(float_tensors) or None,
    )
    model = flatbuffer.read(quantized)
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.DEPTH_TO_SPACE:
            # Version 2 says that values are int8, which the kernels of version 1 take as well; the
            # table of LiteRT's reference kernels ends there.
            code.version = 1
    return flatbuffer.write(model)


def by_recipe(
    data: bytes, name: str, samples: Samples | None, float_tensors: Sequence[str] = ()
) -> bytes:
    """Returns a file quantized by a recipe of ai-edge-quantizer; its inputs stay float32.

    Args:
        data: A float .tflite with a signature.
        name: Name of a recipe, e.g. "dynamic_wi8_afp32".
        samples: Calibration samples, if the recipe needs them, see `measure_ranges`.
        float_tensors: Operations that make these tensors stay in float.
    """
    engine = quantizer.Quantizer(data, getattr(recipe, name)())
    operations = qtyping.TFLOperationName
    if samples is not None:
        for operation in (operations.INPUT, operations.OUTPUT):
            _leave_float(engine, ".*", operation)
    for tensor in float_tensors:
        _leave_float(engine, re.escape(tensor), operations.ALL_SUPPORTED)
    # Its own calibrator averages over samples, and so cuts off the ends of the ranges.
    ranges = None if samples is None else _ranges_by_name(data, samples)
    result = engine.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    # The quantizer stores weights behind the flatbuffer, where many readers do not look.
    return flatbuffer.write(flatbuffer.read(bytes(result.quantized_model)))


def _ranges_by_name(data: bytes, samples: Samples) -> dict[str, dict[str, np.ndarray]]:
    tensors = flatbuffer.read(data).subgraphs[0].tensors
    ranges = {}
    for index, limits in measure_ranges(data, samples).items():
        shape = (1,) * len(tensors[index].shape)
        low, high = (np.full(shape, limit, np.float32) for limit in limits)
        ranges[tensors[index].name.decode()] = {"min": low, "max": high}
    return ranges


def _leave_float(
    engine: quantizer.Quantizer, regex: str, operation: qtyping.TFLOperationName
) -> None:
    engine.update_quantization_recipe(
        regex, operation, algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE
    )
