"""Files of ours in MediaPipe's web package, tasks-vision, which gets nothing but the file."""

import itertools

import numpy as np
import pytest
import toy_networks
from tasks_vision_site import Site

from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.tflite.metadata import (
    AnchorDetectorMetadata,
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    SegmenterMetadata,
)
from keras_cv_course.tflite.tensors import dequantize

pytestmark = pytest.mark.device
TELEMETRY = "https://odml.pa.googleapis.com/v1/log"
FORMS = {"int8": "uint8", "none": "float32", "float16": "float32"}
# MediaPipe's task, and what the file says of itself.
NETWORKS = {
    "classifier": ("classifier", ClassifierMetadata(toy_networks.COLOURS)),
    "embedder": ("embedder", EmbedderMetadata()),
    "segmenter": ("segmenter", SegmenterMetadata(toy_networks.SEGMENTS)),
    "detector": (
        "detector",
        AnchorDetectorMetadata(
            labels=toy_networks.COLOURS,
            anchors=toy_networks.ANCHORS,
            exponential=True,
            sigmoid_score=False,
        ),
    ),
    "detector_with_boxes": ("detector", DetectorMetadata(toy_networks.COLOURS)),
}
BOX = ("originX", "originY", "width", "height")
NEEDS_METADATA = "it requires specifying NormalizationOptions metadata"
# Network, form, type of inputs and outputs, whether there are metadata, and what is said.
REFUSED = {
    "int8_input": ("classifier", "int8", "int8", True, "uint8/float32, got INT8"),
    "float_classifier": ("classifier", "none", "float32", False, NEEDS_METADATA),
    "float_embedder": ("embedder", "none", "float32", False, NEEDS_METADATA),
    "float_segmenter": ("segmenter", "none", "float32", False, NEEDS_METADATA),
    "detector": ("detector", "none", "float32", False, "require TFLite Model Metadata but none"),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the page shows of all files, and what was to be seen from outside."""
    site = Site(tmp_path_factory.mktemp("site"))
    wanted = [
        (f"{name}_{form}", name, form, FORMS[form], True)
        for name, form in itertools.product(NETWORKS, FORMS)
    ]
    wanted += [(f"refused_{key}", *REFUSED[key][:4]) for key in REFUSED]
    for key, name, form, io_dtype, described in wanted:
        toy = getattr(toy_networks, name)()
        task, metadata = NETWORKS[name]
        metadata = metadata if described else None
        path = site.write(key, toy.model, form, io_dtype, metadata, toy.inputs)
        site.add(key, task, path, toy.images)
    results, seen = site.run()
    return site.folder, results, seen


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def answers(shown, name, form):
    """The network, what the page says of its images, and the file's own outputs."""
    folder, results, _ = shown
    assert "error" not in results[f"{name}_{form}"], results[f"{name}_{form}"]["error"]
    toy = getattr(toy_networks, name)()
    model = TFLiteModel(folder / f"{name}_{form}.tflite")
    return toy, results[f"{name}_{form}"]["answers"], model.predict(as_given(toy, model.inputs[0]))


def as_given(toy, spec):
    """The images as MediaPipe gives them: to a uint8 input the pixels themselves, which the
    range of -1 to 1 in 256 steps with a whole zero point misses by half a step."""
    return toy.inputs if spec.scale is None else dequantize(toy.images, spec)


def test_classifier(shown, form):
    toy, actual, expected = answers(shown, "classifier", form)
    for categories, label, scores in zip(actual, toy.expected, expected, strict=True):
        assert categories[0]["label"] == label
        received = {category["label"]: category["score"] for category in categories}
        np.testing.assert_allclose([received[c] for c in toy_networks.COLOURS], scores, atol=1e-6)


def test_embedder(shown, form):
    _, actual, expected = answers(shown, "embedder", form)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_segmenter(shown, form):
    toy, actual, expected = answers(shown, "segmenter", form)
    for answer, mask, scores in zip(actual, toy.expected, expected, strict=True):
        np.testing.assert_array_equal(answer["categories"], mask.ravel())
        confidences = np.transpose(answer["confidences"]).reshape(scores.shape)
        np.testing.assert_allclose(confidences, scores, atol=1e-5)


@pytest.mark.parametrize("name", ["detector", "detector_with_boxes"])
def test_detector(shown, form, name):
    toy, actual, expected = answers(shown, name, form)
    for i, objects in enumerate(toy.expected):
        sure = [o for o in actual[i] if o["score"] > 0.5]
        assert sorted(o["label"] for o in sure) == sorted(label for _, label in objects)
        scores = sorted(expected["scores"][i][expected["scores"][i] > 0.5], reverse=True)
        np.testing.assert_allclose([o["score"] for o in sure], scores, atol=1e-6)
        boxes = {o["label"]: [o["box"][k] for k in BOX] for o in sure}
        for (x1, y1, x2, y2), label in objects:
            # Whole pixels: MediaPipe cuts off the fractions. A step of int8 codes is 0.1 pixel.
            np.testing.assert_allclose(boxes[label], [x1, y1, x2 - x1, y2 - y1], atol=1.2)


@pytest.mark.parametrize("key", REFUSED)
def test_refused(shown, key):
    assert REFUSED[key][-1] in shown[1][f"refused_{key}"].get("error", "accepted")


def test_nothing_comes_from_outside_and_the_report_of_use_is_blocked(shown):
    seen = shown[2]
    assert seen.outside == []
    assert {end for _, end in seen.requests} == {"finished"}
    assert set(seen.blocked) == {TELEMETRY}


@pytest.mark.data
def test_mobilenet_names_the_photographs_alike(tmp_path, shared):
    from keras_cv_course import MobileNetV2
    from keras_cv_course.data import load_images

    weights = shared / "weights" / "mobilenet_v2_1.0_224.weights.h5"
    model = MobileNetV2((224, 224, 3), weights=weights)
    files = sorted((shared / "data" / "coral_photos").glob("*.bmp"))
    images = load_images(files, (224, 224, 3), (0.0, 255.0)).round().astype(np.uint8)
    inputs = images.astype(np.float32) / 127.5 - 1
    labels = tuple(f"class {i}" for i in range(1000))
    site, expected = Site(tmp_path), {}
    for form, io_dtype in FORMS.items():
        path = site.write(form, model, form, io_dtype, ClassifierMetadata(labels), inputs)
        site.add(form, "classifier", path, images)
        expected[form] = [labels[i] for i in TFLiteModel(path).predict(inputs).argmax(1)]
    results, _ = site.run()
    named = {form: [c[0]["label"] for c in results[form]["answers"]] for form in FORMS}
    assert named == expected
