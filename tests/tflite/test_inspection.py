import json

import numpy as np
import pytest
import tensorflow as tf
import tiny_files

from keras_cv_course.tflite import inspection
from keras_cv_course.tflite.inspection import inspect
from keras_cv_course.tflite.labels import append_labels


def test_operators_of_a_float_file(tmp_path):
    report = inspect(tiny_files.write(tmp_path, "float"))
    expected = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 2, "MEAN": 1, "RESHAPE": 1}
    assert report.operator_counts == expected
    assert report.operators == report.float_operators
    assert report.operators[:3] == ("DEPTHWISE_CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D")
    assert report.quantized_share == 0
    assert (report.partitions, report.outside) == (1, ())
    # 3 + 2 kernels and biases, the input, and the result of each operator.
    assert report.tensor_dtypes == {"float32": 5 + 5 + 1 + 7, "int32": 2}


def test_conversions_do_not_count_for_the_quantized_share(tmp_path):
    report = inspect(tiny_files.write(tmp_path, "int8", "float32"))
    assert report.operator_counts["QUANTIZE"] == report.operator_counts["DEQUANTIZE"] == 1
    assert report.quantized_share == 1
    assert report.float_operators == ()


def test_quantized_inputs_and_outputs(tmp_path):
    report = inspect(tiny_files.write(tmp_path, "int8", "uint8"))
    ((image,), (scores,)) = report.inputs, report.outputs
    assert (image.name, image.dtype, image.shape) == ("image", "uint8", (1, 16, 16, 3))
    assert image.scale == pytest.approx(2 / 255, rel=0.01)
    assert (scores.name, scores.dtype) == ("scores", "uint8")
    assert report.signatures == {"serving_default": {"inputs": ["image"], "outputs": ["scores"]}}


def test_what_xnnpack_does_not_take_is_outside(tmp_path):
    report = inspect(tiny_files.write(tmp_path, "int8x16", "int16"))
    assert report.partitions == 0
    assert report.outside == report.operators


def test_partitions_around_a_foreign_operator(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((1, 4))])
    def network(x):
        x = tf.matmul(x, tf.reshape(tf.range(16.0), (4, 4)))
        x = tf.cumsum(x, axis=1)  # XNNPACK has no such kernel.
        return tf.matmul(x, tf.reshape(tf.range(8.0), (4, 2)))

    path = tmp_path / "split.tflite"
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    path.write_bytes(converter.convert())
    report = inspect(path)
    assert report.operators == ("FULLY_CONNECTED", "CUMSUM", "FULLY_CONNECTED")
    assert report.outside == ("CUMSUM",)
    assert report.partitions == 2


def test_class_names(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    assert inspect(path).class_names is None
    path.write_bytes(append_labels(path.read_bytes(), ["a", "b", "c"]))
    report = inspect(path)
    assert report.class_names == ("a", "b", "c")
    assert report.bytes == path.stat().st_size


def test_is_printed_as_tables_and_saved_as_json(tmp_path):
    report = inspect(tiny_files.write(tmp_path, "int8", "int8"))
    text = str(report)
    for part in ("CONV_2D", "XNNPACK partitions", "image", "(1, 16, 16, 3)", "100% quantized"):
        assert part in text
    saved = json.loads(report.save(tmp_path / "report.json").read_text())
    assert saved == json.loads(json.dumps(report.to_dict()))
    assert saved["inputs"][0]["name"] == "image"
    assert saved["operator_counts"]["CONV_2D"] == 3
    np.testing.assert_allclose(saved["outputs"][0]["scale"], report.outputs[0].scale)


def test_a_file_of_our_own_needs_no_check(tmp_path, monkeypatch):
    path = tiny_files.write(tmp_path, "float")
    expected = inspect(path)
    monkeypatch.setattr(inspection, "check_file", None)  # so that calling it fails
    assert inspect(path, validate=False) == expected


def test_a_corrupt_file_is_an_error(tmp_path):
    path = tmp_path / "cut.tflite"
    path.write_bytes(tiny_files.content("float")[:1000])
    with pytest.raises(ValueError, match=r"cut.tflite is not a usable .tflite file"):
        inspect(path)


@pytest.mark.data
def test_the_files_that_others_ship(shared):
    report = inspect(shared / "models" / "mlperf_tiny_vww_96_int8.tflite")
    assert len(report.operators) == 31
    assert report.bytes == 333_288
    assert report.quantized_share == 1
    coral = inspect(shared / "models" / "coral_tf2_mobilenet_v2_1.0_224_ptq.tflite")
    assert coral.operator_counts["DEPTHWISE_CONV_2D"] == 17
    assert coral.bytes == 4_070_174
