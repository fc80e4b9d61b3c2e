"""The int8 files of residual and dense networks, and what remains of them outside of XNNPACK."""

import numpy as np
import pytest
from contracts.random_weights import randomize
from tiny_residual import OUTSIDE, TINY, tiny

from keras_cv_course.networks.specs import spec_of
from keras_cv_course.tflite import TFLiteModel, convert, inspect

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
    assert set(report.outside) <= OUTSIDE.get(name, set())
    assert OUTSIDE.get(name) or report.partitions == 1
    assert report.quantized_share == 1.0
    grouped = sum(getattr(layer, "groups", 1) > 1 for layer in model.layers)
    convolutions = sum(type(x).__name__ in ("Conv2D", "GroupedConv2D") for x in model.layers)
    # Each convolution is one operation, however many groups it has; 1x1 ones of pooled maps may
    # be dense.
    dense = report.operators.count("FULLY_CONNECTED") - 1
    assert report.operators.count("CONV_2D") + dense == convolutions
    assert bool(grouped) == (name in ("grouped", "regnet"))
    expected = np.asarray(model(images))
    found = TFLiteModel(tmp_path / "m.tflite").predict(images)
    assert np.std(found - expected) < 0.25 * np.std(expected)
