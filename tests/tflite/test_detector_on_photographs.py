"""Detectors of 80 classes from photographs to files: what they learn by heart, all files find."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from PIL import Image

from keras_cv_course import YOLO, Detector, MobileNetV2, SSDLite, load_model
from keras_cv_course.data import coco_annotations, detection_epochs, with_targets
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.ops.anchor_clustering import cluster_shapes
from keras_cv_course.tflite import TFLiteDetector, TFLiteModel, convert
from keras_cv_course.training import Recipe, create_run, fit_detector, target_encoder

pytestmark = [pytest.mark.full, pytest.mark.data]
SIZE = 192
IMAGES = 32  # the first in which no object is smaller than this part of a side
SMALLEST = 1 / 16
MOMENTUM = 0.9
RATE = 2e-3
SCORE = 0.05
# Scores of two ways to compute them may fall on both sides of the lowest one.
SAME_SCORE = 1e-3


class Family(NamedTuple):
    """How a detector is built and trained, and the AP50 it reaches on what it has seen."""

    build: Callable[..., keras.Model]
    epochs: int
    ap50: float
    loss: dict[str, Any]


def ssdlite(body, annotations):
    return SSDLite(body, len(annotations.class_names), batch_norm_momentum=MOMENTUM)


def yolo(body, annotations):
    sides, _ = cluster_shapes(annotations.shapes_px((SIZE, SIZE)), 9, seed=0)
    anchors = [list(sides[i : i + 3]) for i in (0, 3, 6)]
    classes = len(annotations.class_names)
    return YOLO(body, classes, anchors=anchors, batch_norm_momentum=MOMENTUM)


FAMILIES = {
    "ssdlite": Family(ssdlite, 40, 0.9, {}),
    # A box has one anchor of YOLO's, and several of SSDLite's: it takes many times the epochs.
    "yolo": Family(yolo, 70, 0.5, {"box_loss": "ciou"}),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def annotations(shared):
    folder = shared / "data/coco_mini"
    read = coco_annotations(folder / "annotations/instances_train.json", folder / "images")
    images = [image for image in read.images if can_be_seen(image)]
    return dataclasses.replace(read, images=tuple(images[:IMAGES]))


def can_be_seen(image):
    """Whether a small input shows all objects of an image, each apart."""
    sides = (image.boxes[:, 2:] - image.boxes[:, :2]) / image.size_px[::-1]
    return len(sides) > 0 and sides.min() >= SMALLEST and not image.crowd.any()


@pytest.fixture(scope="module")
def trained(family, annotations, shared, tmp_path_factory):
    """The network, and the history of its training."""
    keras.utils.set_random_seed(0)
    shape = (SIZE, SIZE, 3)
    weights = shared / "weights/mobilenet_v2_1.0_224.weights.h5"
    body = MobileNetV2(shape, weights=weights, include_top=False, batch_norm_momentum=MOMENTUM)
    network = family.build(body, annotations)
    images = detection_epochs(annotations, shape, 8)
    train = with_targets(images, target_encoder(detection_spec(network)), (-1.0, 1.0))
    run = create_run({}, tmp_path_factory.mktemp("runs"))
    history = fit_detector(
        network,
        Recipe(epochs=family.epochs, learning_rate=RATE),
        train,
        annotations.samples,
        annotations.class_names,
        run,
        every=family.epochs,
        **family.loss,
    )
    return load_model(run.model, compile=False), history


@pytest.fixture(scope="module")
def detector(trained, annotations):
    return Detector(trained[0], annotations.class_names, score_threshold=SCORE)


@pytest.fixture(scope="module")
def photographs(annotations, shared):
    """Some that were learned, and others."""
    learned = [image for image, _ in annotations.samples()][:16]
    files = sorted((shared / "data/coral_photos").glob("*.bmp"))
    return [*learned, *(np.asarray(Image.open(file).convert("RGB")) for file in files)]


def test_few_images_of_80_classes_are_learned_by_heart(family, trained):
    _, history = trained
    assert history["loss"][-1] < 0.05 * history["loss"][0]
    assert max(history["val_AP50"]) > family.ap50


def overlaps(boxes, others):
    """The IoU of each of `boxes` with each of `others`."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    areas = [(b[:, 2:] - b[:, :2]).prod(-1) for b in (boxes, others)]
    return common / (areas[0][:, None] + areas[1][None] - common)


def assert_same(actual, expected):
    """Each sure box of one is there in the other, and the other way round."""
    for these, those in ((actual, expected), (expected, actual)):
        sure = these["scores"] > SCORE + SAME_SCORE
        alike = overlaps(these["boxes"], those["boxes"]) > 0.95
        alike &= these["classes"][:, None] == those["classes"][None]
        alike &= np.abs(these["scores"][:, None] - those["scores"][None]) < SAME_SCORE
        assert alike.any(axis=1)[sure].all()


@pytest.mark.parametrize("nms", ["tflite_op", "builtin"])
def test_a_float_file_finds_in_photographs_what_the_detector_finds(
    detector, photographs, tmp_path, nms
):
    path = convert(detector, tmp_path / "m.tflite", "none", nms=nms).path
    expected = detector.predict(photographs)
    assert sum(len(boxes["scores"]) for boxes in expected) > 20
    detections = TFLiteDetector(path, input_range=(-1.0, 1.0)).predict(photographs)
    for boxes, wanted in zip(detections, expected, strict=True):
        assert_same(boxes, wanted)


def decoded(codes, scores, anchors, variances, iou):
    """Boxes in parts of the image of raw outputs, suppressed class by class, in NumPy."""
    x, y, width, height = anchors.T
    codes = codes * np.array(variances)[[1, 0, 3, 2]]
    middle = np.stack([codes[:, 1] * width + x, codes[:, 0] * height + y], axis=1)
    half = np.exp(codes[:, [3, 2]]) * np.stack([width, height], axis=1) / 2
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    kept = []
    for label in range(scores.shape[1]):
        left = [i for i in np.argsort(-scores[:, label]) if scores[i, label] >= SCORE]
        while left:
            best = left.pop(0)
            kept.append((best, label))
            over = overlaps(boxes[[best]], boxes[left])[0] if left else ()
            left = [i for i, value in zip(left, over, strict=True) if value <= iou]
    rows, labels = np.array(kept, int).reshape(-1, 2).T
    return {"boxes": boxes[rows], "classes": labels, "scores": scores[rows, labels]}


def test_a_float_file_without_suppression_gives_the_same_boxes(detector, photographs, tmp_path):
    path = convert(detector, tmp_path / "m.tflite", "none", nms=None).path
    file = TFLiteModel(path)
    anchors = detector.spec.relative_anchors()
    for image, wanted in zip(photographs, detector.predict(photographs), strict=True):
        frame = detector.frame(image)
        outputs = file.predict(frame.pixels[None])
        codes, scores = outputs["boxes"][0], outputs["scores"][0]
        detections = decoded(codes, scores, anchors, detector.spec.variances, iou=0.5)
        assert_same(detections | {"boxes": frame.to_image(detections["boxes"])}, wanted)
