"""Detectors of the package in the runtimes of devices: their raw outputs, decoding and suppression."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import toy_networks
from tasks_vision_site import Site

from keras_cv_course import Detector
from keras_cv_course.devices.mediapipe import find_python, run_mediapipe
from keras_cv_course.devices.microcontroller import run_on_micro
from keras_cv_course.tflite import TFLiteDetector, TFLiteModel, convert

pytestmark = pytest.mark.device
FORMS = {"none": "float32", "int8": "uint8"}
NMS = ("tflite_op", "builtin", None)
# MediaPipe's own suppression, for nms=None: of two boxes that overlap by more, whatever their
# classes, the surer one stays. There is no option for it, and no limit to the number of boxes.
MEDIAPIPE_IOU = 0.3
PAIRS = [
    (overlap, labels)
    for overlap in (MEDIAPIPE_IOU - 0.02, MEDIAPIPE_IOU + 0.02)
    for labels in ((0, 0), (0, 1))
]
BOX = ("originX", "originY", "width", "height")


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


@pytest.mark.parametrize("nms", NMS)
@pytest.mark.parametrize("quantize", FORMS)
def test_mediapipe_finds_what_the_detector_finds(python, detector, tmp_path, quantize, nms):
    toy, ours = detector
    expected = ours.predict(toy.images)
    path = write(ours, toy, tmp_path, quantize, nms, target="phone")
    answers = run_mediapipe(python, "detector", path, toy.images)
    for answer, want, objects in zip(answers, expected, toy.expected, strict=True):
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
        actual = values.reshape(expected[spec.name].shape)
        for i, count in enumerate(expected["count"].astype(int)):
            if spec.name == "count":
                assert actual[i] == count
            else:
                np.testing.assert_allclose(
                    actual[i][:count], expected[spec.name][i][:count], atol=1e-5
                )


def assert_suppressed(overlap, labels, detections):
    """Whether MediaPipe has kept of two boxes what its settings say; `detections` are labels."""
    both = [toy_networks.COLOURS[i] for i in labels]
    assert detections == (both if overlap < MEDIAPIPE_IOU else both[:1])


def write_pair(folder, overlap, labels):
    model = toy_networks.two_boxes(overlap, labels)
    detector = Detector(model, toy_networks.COLOURS, score_threshold=0.5)
    path = folder / f"pair_{overlap:.2f}_{labels[1]}.tflite"
    return convert(detector, path, "none", nms=None).path


@pytest.mark.parametrize(("overlap", "labels"), PAIRS)
def test_mediapipe_suppresses_by_settings_of_its_own(python, tmp_path, overlap, labels):
    path = write_pair(tmp_path, overlap, labels)
    image = np.zeros((1, toy_networks.SIZE_PX, toy_networks.SIZE_PX, 3), np.uint8)
    (answer,) = run_mediapipe(python, "detector", path, image)
    assert_suppressed(overlap, labels, [o.category.label for o in answer.objects])


@pytest.fixture(scope="module")
def shown(detector, tmp_path_factory):
    """The folder of a web page, and what MediaPipe shows there of all files."""
    toy, ours = detector
    site = Site(tmp_path_factory.mktemp("site"))
    for quantize, nms in itertools.product(FORMS, NMS):
        folder = site.folder / f"{quantize}_{nms}"
        folder.mkdir()
        path = write(ours, toy, folder, quantize, nms, target="browser")
        named = path.rename(site.folder / f"{quantize}_{nms}.tflite")
        site.add(named.stem, "detector", named, toy.images)
    for overlap, labels in PAIRS:
        path = write_pair(site.folder, overlap, labels)
        site.add(path.stem, "detector", path, toy.images[:1])
    results, seen = site.run()
    assert seen.outside == []
    return site.folder, results


@pytest.mark.parametrize("nms", NMS)
@pytest.mark.parametrize("quantize", FORMS)
def test_the_browser_finds_what_the_file_finds(shown, detector, quantize, nms):
    toy, _ = detector
    folder, results = shown
    answers = results[f"{quantize}_{nms}"]["answers"]
    # A file that leaves boxes to MediaPipe is held against the one that has them.
    file = TFLiteDetector(
        folder / f"{quantize}_{nms or 'tflite_op'}.tflite", input_range=toy_networks.INPUT_RANGE
    )
    for outputs, expected, objects in zip(
        answers, file.predict(toy.images), toy.expected, strict=True
    ):
        labels = [toy_networks.COLOURS[i] for i in expected["classes"]]
        assert sorted(labels) == sorted(label for _, label in objects)
        # Without a threshold of its own MediaPipe gives the boxes of all scores.
        outputs = [o for o in outputs if o["score"] > 0.5]
        assert [o["label"] for o in outputs] == labels
        # A uint8 input gets the pixels themselves, half a step beside what the range asks for.
        tolerance = 0.02 if quantize == "int8" else 1e-3
        np.testing.assert_allclose(
            [o["score"] for o in outputs], expected["scores"], atol=tolerance
        )
        boxes = np.array([[o["box"][key] for key in BOX] for o in outputs]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        # Whole pixels: MediaPipe cuts off the fraction of an edge, and of a size.
        np.testing.assert_allclose(boxes, expected["boxes"].reshape(-1, 4), atol=2)


@pytest.mark.parametrize(("overlap", "labels"), PAIRS)
def test_the_browser_suppresses_by_the_same_settings(shown, overlap, labels):
    (answers,) = shown[1][f"pair_{overlap:.2f}_{labels[1]}"]["answers"]
    assert_suppressed(overlap, labels, [o["label"] for o in answers])
