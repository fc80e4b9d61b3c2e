"""Files of LeNet, AlexNet, VGG, GoogLeNet, Inception and Xception: their graphs, and how close they are."""

import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import build_model
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.tflite import TFLiteModel, convert, inspect

_NARROW = {"alpha": 0.125}
# Size of the input, options, and what XNNPACK's int8 kernels leave out.
NETWORKS = {
    "lenet5": ((32, 32, 1), {}, set()),
    "alexnet": ((67, 67, 3), _NARROW, set()),
    "vgg11": ((32, 32, 3), _NARROW, set()),
    "googlenet": ((32, 32, 3), _NARROW, set()),
    "inception_v3": ((75, 75, 3), _NARROW, {"AVERAGE_POOL_2D"}),
    "xception": ((32, 32, 3), _NARROW, set()),
}
# Shallow enough for random weights to keep the signal above the rounding of int8.
_KEEP_SIGNALS_APART = {"lenet5", "alexnet", "vgg11"}
_FAST = {"lenet5", "vgg11"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in _FAST else pytest.mark.slow) for n in NETWORKS]
)
def test_files_are_delegated_and_close(name, rng, tmp_path):
    shape, options, outside = NETWORKS[name]
    model = build_model(name, input_shape=shape, classes=10, classifier_activation=None, **options)
    images = rng.uniform(*spec_of(model).input_range, (16, *shape)).astype("float32")
    randomize(model, rng, images)
    expected = np.asarray(model(images))
    convert(model, tmp_path / "float.tflite", "none")
    outputs = TFLiteModel(tmp_path / "float.tflite").predict(images)
    np.testing.assert_allclose(outputs, expected, atol=1e-4 * np.abs(expected).max())
    assert inspect(tmp_path / "float.tflite").partitions == 1
    report = inspect(convert(model, tmp_path / "int8.tflite", "int8", "int8", images).path)
    assert set(report.outside) <= outside
    assert outside or report.partitions == 1
    assert report.quantized_share == 1.0
    if name in _KEEP_SIGNALS_APART:
        outputs = TFLiteModel(tmp_path / "int8.tflite").predict(images)
        assert np.std(outputs - expected) < 0.25 * np.std(expected)
