"""A segmenter of ours in MediaPipe, which makes probabilities of its logits."""

from pathlib import Path

import numpy as np
import pytest

from keras_cv_course import UNet, load
from keras_cv_course.data import DrawnScenes
from keras_cv_course.devices.mediapipe import find_python, run_mediapipe
from keras_cv_course.networks.specs import with_spec
from keras_cv_course.tflite import TFLiteModel, convert

pytestmark = pytest.mark.device
NAMES = ("background", "a", "b")


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_classes_and_probabilities(tmp_path, quantize):
    images = np.stack([image for image, _ in DrawnScenes(4, (64, 64)).samples()])
    model = UNet(None, len(NAMES), (64, 64, 3), 8, 2, "same")
    model = with_spec(model, task="segment", class_names=NAMES, resize="stretch")
    inputs = images.astype("float32") / 255
    samples = inputs if quantize == "int8" else None
    path = convert(
        model, tmp_path / "m.tflite", quantize, calibration_data=samples, target="phone"
    ).path
    python = find_python(Path(__file__).resolve().parents[2])
    answers = run_mediapipe(python, "segmenter", path, images)
    shares = np.exp(TFLiteModel(path).predict(inputs))
    shares /= shares.sum(-1, keepdims=True)
    for answer, expected, result in zip(answers, shares, load(path)(images), strict=True):
        np.testing.assert_allclose(answer.confidences, expected, atol=1e-3)
        np.testing.assert_array_equal(answer.categories, result.mask)
