"""The int8 files of residual and dense networks, and what remains of them outside of XNNPACK."""

import keras
import numpy as np
import pytest
from contracts.random_weights import randomize
from tiny_residual import TINY, tiny

from keras_cv_course.networks.specs import spec_of
from keras_cv_course.quantization import quantize_aware, strip
from keras_cv_course.tflite import TFLiteModel, convert, inspect
from keras_cv_course.tflite.flatbuffer import output_steps

RUN_TIME_ARITHMETIC = {"SHAPE", "STRIDED_SLICE", "PACK", "EXPAND_DIMS", "SPLIT", "RESHAPE"}


_FAST = {"basic", "grouped", "dense"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in _FAST else pytest.mark.slow) for n in TINY]
)
def test_int8_graph_is_clean_and_close(name, rng, tmp_path):
    model = tiny(name)
    images = rng.uniform(*spec_of(model).input_range, (16, *model.input_shape[1:]))
    images = images.astype("float32")
    randomize(model, rng, images)
    report = inspect(convert(model, tmp_path / "m.tflite", "int8", "int8", images).path)
    assert not RUN_TIME_ARITHMETIC & set(report.operators)
    assert (report.partitions, report.outside) == (1, ())
    assert report.quantized_share == 1.0
    grouped = sum(getattr(layer, "groups", 1) > 1 for layer in model.layers)
    convolutions = sum(type(x).__name__ in ("Conv2D", "GroupedConv2D") for x in model.layers)
    # Each convolution is one operation, however many groups it has; 1x1 ones of pooled maps may
    # be dense.
    dense = report.operators.count("FULLY_CONNECTED") - 1
    assert report.operators.count("CONV_2D") + dense == convolutions
    assert bool(grouped) == (name in ("grouped", "regnet"))
    expected = np.asarray(model(images))
    outputs = TFLiteModel(tmp_path / "m.tflite").predict(images)
    assert np.std(outputs - expected) < 0.25 * np.std(expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_a_quantization_aware_network_is_its_file(name, unsettle, rng, tmp_path):
    model = unsettle(tiny(name))
    low, high = spec_of(model).input_range
    coarse = rng.uniform(low, high, (16, 8, 8, 3)).astype("float32")
    images = np.asarray(keras.ops.image.resize(coarse, model.input_shape[1:3]))
    aware = quantize_aware(model, images)
    trained = inspect(convert(aware, tmp_path / "aware.tflite", "int8", "int8").path)
    plain = convert(strip(aware), tmp_path / "plain.tflite", "int8", "int8", images).path
    after = inspect(plain, validate=False)
    # Training rounds between a transition's convolution and its average; calibrated files do not.
    assert len(trained.operators) <= len(after.operators) + (name == "dense")
    assert trained.partitions <= after.partitions
    assert trained.outside == ()
    outputs = TFLiteModel(trained.path, validate=False).predict(images)
    steps = np.abs(outputs - np.asarray(aware(images))) / output_steps(trained.path.read_bytes())[0]
    assert np.median(steps) == 0
    assert steps.max() <= 2
