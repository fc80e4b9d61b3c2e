"""Files of ours in MediaPipe Tasks, which gets nothing but the file."""

from pathlib import Path

import keras
import numpy as np
import pytest
import toy_networks

from keras_cv_course.devices.mediapipe import find_python, run_mediapipe
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.tflite.metadata import (
    AnchorDetectorMetadata,
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    SegmenterMetadata,
)

pytestmark = pytest.mark.device
FORMS = {"int8": "uint8", "none": "float32", "float16": "float32"}
TASKS = {
    "classifier": ClassifierMetadata(toy_networks.COLOURS),
    "embedder": EmbedderMetadata(),
    "segmenter": SegmenterMetadata(toy_networks.SEGMENTS),
}


@pytest.fixture(scope="module")
def python():
    return find_python(Path(__file__).resolve().parents[2])


def write(model, folder, quantize, io_dtype, metadata, inputs):
    """The path of a file with metadata."""
    samples = inputs if quantize == "int8" else None
    options = {"input_range": toy_networks.INPUT_RANGE, "metadata": metadata}
    return convert(model, folder / "m.tflite", quantize, io_dtype, samples, **options).path


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def answers(python, folder, form, name):
    toy = getattr(toy_networks, name)()
    path = write(toy.model, folder, form, FORMS[form], TASKS[name], toy.inputs)
    answer = run_mediapipe(python, name, path, toy.images)
    return toy, answer, TFLiteModel(path).predict(toy.inputs)


def test_classifier(python, tmp_path, form):
    toy, actual, expected = answers(python, tmp_path, form, "classifier")
    assert [answer.categories[0].label for answer in actual] == toy.expected
    for answer, scores in zip(actual, expected, strict=True):
        received = {c.label: c.score for c in answer.categories}
        for label, score in zip(toy_networks.COLOURS, scores, strict=True):
            # In int8 a pixel between two steps of the input can fall to either, and so a score by
            # one step; else pixels are scaled in another order of operations.
            tolerance = 1.01 / 256 if form == "int8" else 1e-5
            assert received[label] == pytest.approx(score, abs=tolerance)


def test_embedder(python, tmp_path, form):
    _, actual, expected = answers(python, tmp_path, form, "embedder")
    for answer, vector in zip(actual, expected, strict=True):
        # A pixel between two steps of the input can fall to either, and so an output by one step.
        np.testing.assert_allclose(answer.vector, vector, atol=0.018 if form == "int8" else 1e-5)


def test_segmenter(python, tmp_path, form):
    toy, actual, expected = answers(python, tmp_path, form, "segmenter")
    for answer, mask, scores in zip(actual, toy.expected, expected, strict=True):
        np.testing.assert_array_equal(answer.categories, mask)
        np.testing.assert_allclose(answer.confidences, scores, atol=1e-4)


@pytest.mark.parametrize("kind", ["operator", "anchors"])
@pytest.mark.parametrize("form", FORMS)
def test_detector(python, tmp_path, form, kind):
    if kind == "operator":
        toy = toy_networks.detector_with_boxes()
        metadata = DetectorMetadata(toy_networks.COLOURS)
    else:
        toy = toy_networks.detector()
        metadata = AnchorDetectorMetadata(
            labels=toy_networks.COLOURS,
            anchors=toy_networks.ANCHORS,
            exponential=True,
            sigmoid_score=False,
        )
    path = write(toy.model, tmp_path, form, FORMS[form], metadata, toy.inputs)
    actual = run_mediapipe(python, "detector", path, toy.images)
    for answer, objects in zip(actual, toy.expected, strict=True):
        sure = [o for o in answer.objects if o.category.score > 0.5]
        assert sorted(o.category.label for o in sure) == sorted(label for _, label in objects)
        boxes = {o.category.label: o.box_xyxy for o in sure}
        for box, label in objects:
            # Whole pixels: MediaPipe cuts off the fraction of an edge, and of a size.
            np.testing.assert_allclose(boxes[label], box, atol=2)


@pytest.mark.data
@pytest.mark.parametrize("form", FORMS)
def test_mobilenet_names_the_photographs_alike(python, tmp_path, form, shared):
    from keras_cv_course import MobileNetV2
    from keras_cv_course.data import load_images

    weights = shared / "weights" / "mobilenet_v2_1.0_224.weights.h5"
    model = MobileNetV2((224, 224, 3), weights=weights)
    files = sorted((shared / "data" / "coral_photos").glob("*.bmp"))
    images = load_images(files, (224, 224, 3), (0.0, 255.0)).round().astype(np.uint8)
    inputs = images.astype(np.float32) / 127.5 - 1
    labels = tuple(f"class {i}" for i in range(1000))
    path = write(model, tmp_path, form, FORMS[form], ClassifierMetadata(labels), inputs)
    actual = run_mediapipe(python, "classifier", path, images)
    expected = TFLiteModel(path).predict(inputs)
    assert [answer.categories[0].index for answer in actual] == expected.argmax(1).tolist()


@pytest.mark.parametrize("task", TASKS)
def test_float_file_without_metadata_is_refused(python, tmp_path, task):
    toy = getattr(toy_networks, task)()
    path = convert(toy.model, tmp_path / "m.tflite", "none").path
    with pytest.raises(ValueError, match="requires specifying NormalizationOptions metadata"):
        run_mediapipe(python, task, path, toy.images)


def test_detector_without_metadata_is_refused(python, tmp_path):
    toy = toy_networks.detector()
    path = convert(toy.model, tmp_path / "m.tflite", "none").path
    with pytest.raises(ValueError, match="require TFLite Model Metadata but none was found"):
        run_mediapipe(python, "detector", path, toy.images)


@pytest.mark.parametrize("task", TASKS)
def test_int8_input_is_refused(python, tmp_path, task):
    toy = getattr(toy_networks, task)()
    path = write(toy.model, tmp_path, "int8", "int8", TASKS[task], toy.inputs)
    with pytest.raises(ValueError, match="Requested one of these types: uint8/float32, got INT8"):
        run_mediapipe(python, task, path, toy.images)


def test_segmenter_of_whole_numbers_is_refused(python, tmp_path):
    toy = toy_networks.segmenter()
    image = keras.Input((96, 96, 3), dtype="uint8")  # so that no metadata are needed
    scores = toy.model(keras.ops.cast(image, "float32") / 127.5 - 1)
    model = keras.Model(image, keras.ops.cast(scores, "int64"))
    path = convert(model, tmp_path / "m.tflite", "none").path
    with pytest.raises(ValueError, match=r"Unsupported output tensor type:\s*INT64"):
        run_mediapipe(python, "segmenter", path, toy.images)


def test_busy_process_is_stopped(python, tmp_path):
    toy = toy_networks.classifier()
    path = convert(toy.model, tmp_path / "m.tflite", "none").path
    with pytest.raises(ValueError, match=r"still busy .* after 0\.01 s and was stopped"):
        run_mediapipe(python, "classifier", path, toy.images, timeout_s=0.01)
