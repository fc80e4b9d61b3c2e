"""Detectors of the package in the runtimes of devices: their raw outputs, decoding and suppression."""

from pathlib import Path

import numpy as np
import pytest
import toy_networks

from keras_cv_course import Detector
from keras_cv_course.devices.mediapipe import find_python, run_mediapipe
from keras_cv_course.devices.microcontroller import run_on_micro
from keras_cv_course.tflite import TFLiteModel, convert

pytestmark = pytest.mark.device
FORMS = {"none": "float32", "int8": "uint8"}


@pytest.fixture(scope="module")
def python():
    return find_python(Path(__file__).resolve().parents[2])


@pytest.fixture(scope="module")
def detector():
    """The toy that sees coloured cells, and what it becomes."""
    toy = toy_networks.detection_network()
    options = {"score_threshold": 0.5, "max_detections": 10}
    return toy, Detector(toy.model, toy_networks.COLOURS, **options)


def write(detector, toy, folder, quantize, nms, **options):
    samples = toy.inputs if quantize == "int8" else None
    options = {"io_dtype": FORMS[quantize]} | options
    return convert(
        detector, folder / "m.tflite", quantize, calibration_data=samples, nms=nms, **options
    ).path


@pytest.mark.parametrize("nms", ["tflite_op", "builtin", None])
@pytest.mark.parametrize("quantize", FORMS)
def test_mediapipe_finds_what_the_detector_finds(python, detector, tmp_path, quantize, nms):
    toy, ours = detector
    expected = ours.predict(toy.pictures)
    path = write(ours, toy, tmp_path, quantize, nms, target="phone")
    found = run_mediapipe(python, "detector", path, toy.pictures)
    for answer, want, objects in zip(found, expected, toy.expected, strict=True):
        sure = [o for o in answer.objects if o.category.score > 0.5]
        labels = [toy_networks.COLOURS[i] for i in want["classes"]]
        assert sorted(o.category.label for o in sure) == sorted(labels)
        assert sorted(labels) == sorted(label for _, label in objects)
        boxes = {o.category.label: o for o in sure}
        for box, score, label in zip(want["boxes"], want["scores"], labels, strict=True):
            # Whole pixels: MediaPipe cuts off the fraction of an edge, and of a size.
            np.testing.assert_allclose(boxes[label].box_xyxy, box, atol=2)
            tolerance = 0.05 if quantize == "int8" else 1e-3
            assert boxes[label].category.score == pytest.approx(score, abs=tolerance)


@pytest.mark.parametrize("quantize", FORMS)
def test_tflite_micro_finds_what_litert_finds(detector, tmp_path, quantize):
    toy, ours = detector
    path = write(ours, toy, tmp_path, quantize, "tflite_op", io_dtype="float32")
    run = run_on_micro(path, toy.inputs)
    file = TFLiteModel(path, kernels="reference")
    expected = file.predict(toy.inputs)
    assert expected["count"].sum() == sum(map(len, toy.expected))
    for spec, values in zip(file.outputs, run.outputs, strict=True):
        found = values.reshape(expected[spec.name].shape)
        for i, count in enumerate(expected["count"].astype(int)):
            if spec.name == "count":
                assert found[i] == count
            else:
                np.testing.assert_allclose(
                    found[i][:count], expected[spec.name][i][:count], atol=1e-5
                )
