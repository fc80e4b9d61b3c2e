"""The graphs of exported classifiers: what is in them, and that XNNPACK takes all of it."""

import pytest

from keras_cv_course import build_model
from keras_cv_course.registry import MODELS
from keras_cv_course.tflite import convert, inspect

RUN_TIME_ARITHMETIC = {"SHAPE", "STRIDED_SLICE", "PACK", "PAD", "EXPAND_DIMS", "HARD_SWISH"}
# At most so many operations, with int8 inputs and outputs and the classifier.
MOST_OPERATIONS = {
    "mobilenet": 30,
    "mobilenet_v2": 65,
    "mobilenet_v3_small": 119,
    "mobilenet_v3_large": 135,
    "efficientnet_b0": 240,
    "efficientnet_lite0": 61,
}


@pytest.mark.slow
@pytest.mark.parametrize("size_px", [64, 65])
@pytest.mark.parametrize("name", MOST_OPERATIONS)
def test_int8_graph_is_clean_and_one_partition(name, size_px, unsettle, rng, tmp_path):
    shape = (size_px, size_px, 3)
    model = unsettle(build_model(name, input_shape=shape, classes=10))
    images = rng.uniform(*MODELS[name].input_range, (8, *shape))
    report = inspect(convert(model, tmp_path / "m.tflite", "int8", "int8", images).path)
    assert not RUN_TIME_ARITHMETIC & set(report.operators)
    assert len(report.operators) <= MOST_OPERATIONS[name]
    assert report.partitions == 1
    assert set(report.outside) <= {"SOFTMAX"}  # XNNPACK has none in int8; it is the last one
    assert report.quantized_share == 1.0
