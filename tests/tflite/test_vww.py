"""MLPerf Tiny's person detector: the same weights through our builder and our export."""

import numpy as np
import pytest

from keras_cv_course import MobileNet
from keras_cv_course.data import load_images
from keras_cv_course.tflite import TFLiteModel, convert, inspect

pytestmark = pytest.mark.data

# What TFLiteConverter makes of MLPerf Tiny's network today.
STOCK_BYTES = 295_008
SHAPE = (96, 96, 3)


@pytest.fixture
def images(shared):
    files = sorted((shared / "data" / "person_coco").rglob("*.jpg"))[::10]
    return load_images(files, SHAPE, (0.0, 1.0))


@pytest.fixture
def model(shared):
    weights = shared / "models" / "mlperf_tiny_vww_96.h5"
    return MobileNet(SHAPE, alpha=0.25, activation="relu", classes=2, weights=weights)


def test_network_gives_the_scores_of_mlperfs_file(model, images, shared):
    theirs = TFLiteModel(shared / "models" / "mlperf_tiny_vww_96_float.tflite")
    np.testing.assert_allclose(model.predict(images, verbose=0), theirs.predict(images), atol=1e-5)


def test_int8_file_is_no_larger_and_decides_the_same(model, images, shared, tmp_path):
    file = convert(model, tmp_path / "vww.tflite", "int8", "int8", images, input_range=(0, 1))
    assert file.size_bytes <= STOCK_BYTES
    theirs = inspect(shared / "models" / "mlperf_tiny_vww_96_int8.tflite")
    ours = inspect(file.path)
    assert len(ours.operators) < len(theirs.operators)
    outputs = TFLiteModel(file.path).predict(images)
    expected = model.predict(images, verbose=0)
    sure = np.abs(expected[:, 0] - 0.5) > 0.1
    np.testing.assert_array_equal(outputs.argmax(1)[sure], expected.argmax(1)[sure])
