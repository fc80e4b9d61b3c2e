"""LiteRT's CompiledModel, the successor of Interpreter, gives the same answers."""

import numpy as np
import pytest
import tiny_files
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.cpu_options import CpuOptions
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.options import Options

from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.tflite.tensors import dequantize, quantize


def run_compiled(path, spec_in, spec_out, images):
    options = Options(
        hardware_accelerators=HardwareAccelerator.CPU, cpu_options=CpuOptions(num_threads=1)
    )
    model = CompiledModel.from_file(str(path), options=options)
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    answers = []
    for image in images:
        inputs[0].write(quantize(image[None], spec_in))
        model.run_by_index(0, inputs, outputs)
        answers.append(outputs[0].read(int(np.prod(spec_out.shape)), np.dtype(spec_out.dtype)))
    return dequantize(np.reshape(answers, (-1, *spec_out.shape[1:])), spec_out)


@pytest.mark.parametrize(
    ("quantize", "io_dtype"),
    [("none", None), ("float16", None), ("int8", "uint8"), ("int8", "int8"), ("int8", None)],
)
def test_compiled_model_gives_what_the_interpreter_gives(rng, tmp_path, quantize, io_dtype):
    images = rng.uniform(-1, 1, (5, 16, 16, 3)).astype(np.float32)
    samples = images if quantize == "int8" else None
    path = convert(tiny_files.network(), tmp_path / "m.tflite", quantize, io_dtype, samples).path
    model = TFLiteModel(path, validate=False)
    expected = model.predict(images)
    actual = run_compiled(path, model.inputs[0], model.outputs[0], images)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(actual, expected, atol=1e-6)
