import keras
import numpy as np
import pytest

from keras_cv_course.layers.detection_postprocess import DetectionPostProcess
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, inspect
from keras_cv_course.tflite.detection_postprocess import append, split

ANCHORS = np.random.default_rng(1).uniform(0.2, 0.6, (40, 4)).astype(np.float32)
SCALES = (10.0, 8.0, 5.0, 4.0)


def detector(**options):
    """Reads its codes and scores from the picture, so that a test can prescribe them."""
    image = keras.Input((40, 1, 7), name="image")
    layer = DetectionPostProcess(ANCHORS, 3, **{"max_detections": 12, "scales": SCALES} | options)
    codes = keras.layers.Conv2D(4, 1, use_bias=False, name="codes")
    scores = keras.layers.Conv2D(3, 1, use_bias=False, name="class_scores")
    boxes_and_scores = [
        keras.layers.Reshape((40, size))(conv(image)) for conv, size in ((codes, 4), (scores, 3))
    ]
    model = keras.Model(image, layer(boxes_and_scores))
    codes.set_weights([np.eye(7, 4)[None, None]])
    scores.set_weights([np.eye(7)[None, None, :, 4:]])
    return model


@pytest.fixture
def images(rng):
    codes, scores = rng.normal(size=(5, 40, 1, 4)), rng.uniform(size=(5, 40, 1, 3))
    return np.concatenate([codes, scores], -1).astype(np.float32)


def file_of(model, folder, *arguments):
    network, layer = split(model)
    convert(network, folder / "network.tflite", *arguments)
    path = folder / "detector.tflite"
    path.write_bytes(append((folder / "network.tflite").read_bytes(), layer))
    return path


def overlap(a, b):
    (top, left), (bottom, right) = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = max(bottom - top, 0) * max(right - left, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (sum(areas) - common)


def by_hand(image, score_threshold, iou_threshold, most):
    """Every box of every class, the best first, unless a better of its class covers it."""
    codes, scores = image[:, 0, :4].astype(np.float64), image[:, 0, 4:]
    x_scale, y_scale, w_scale, h_scale = SCALES
    x, y, width, height = ANCHORS.T.astype(np.float64)
    y, x = y + codes[:, 0] / y_scale * height, x + codes[:, 1] / x_scale * width
    height = height * np.exp(codes[:, 2] / h_scale)
    width = width * np.exp(codes[:, 3] / w_scale)
    boxes = np.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], 1)
    found = []
    for i in np.argsort(-scores, axis=None):
        anchor, label = divmod(int(i), scores.shape[1])
        rivals = [box for box, other, _ in found if other == label]
        covered = any(overlap(boxes[anchor], box) > iou_threshold for box in rivals)
        if scores[anchor, label] >= score_threshold and not covered:
            found.append((boxes[anchor], label, scores[anchor, label]))
    return found[:most]


@pytest.mark.parametrize("most", [12, 100])
def test_layer_and_file_find_what_is_found_by_hand(images, tmp_path, most):
    model = detector(max_detections=most, score_threshold=0.3, iou_threshold=0.45)
    file = TFLiteModel(file_of(model, tmp_path, "none"))
    for found in (model.predict(images, verbose=0), file.predict(images)):
        for i, image in enumerate(images):
            expected = by_hand(image, 0.3, 0.45, most)
            count = int(found["count"][i])
            assert count == len(expected) > 5
            boxes, labels, scores = zip(*expected, strict=True)
            np.testing.assert_allclose(found["boxes"][i, :count], boxes, atol=1e-5)
            np.testing.assert_array_equal(found["classes"][i, :count], labels)
            np.testing.assert_allclose(found["scores"][i, :count], scores, atol=1e-6)
            assert not any(found[key][i, count:].any() for key in ("boxes", "classes", "scores"))


def test_score_equal_to_the_threshold_counts(images, tmp_path):
    images[..., 4:] = 0
    images[:, 3, :, 5] = 0.5
    model = detector(score_threshold=0.5)
    file = TFLiteModel(file_of(model, tmp_path, "none"))
    for found in (model.predict(images, verbose=0), file.predict(images)):
        np.testing.assert_array_equal(found["count"], 1)
        np.testing.assert_array_equal(found["classes"][:, 0], 1)


@pytest.mark.parametrize("aware", [False, True])
def test_int8_file_keeps_the_boxes(images, tmp_path, aware):
    model = detector(score_threshold=0.9)
    network, layer = split(model)
    if aware:
        path = convert(quantize_aware(network, images), tmp_path / "m.tflite").path
    else:
        path = convert(network, tmp_path / "m.tflite", "int8", None, images).path
    path.write_bytes(append(path.read_bytes(), layer))
    report = inspect(path)
    assert report.operators[-1] == "TFLite_Detection_PostProcess"
    assert [y.name for y in report.outputs] == ["boxes", "classes", "scores", "count"]
    found, expected = TFLiteModel(path).predict(images), model.predict(images, verbose=0)
    best = expected["scores"][:, 0], found["scores"][:, 0]
    # One step of codes and scores that share the input's range of about 8 in 256 steps.
    np.testing.assert_allclose(*best, atol=8 / 256)


def test_saved_and_loaded_layer_is_the_same(images, tmp_path):
    model = detector(iou_threshold=0.3)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    expected, found = (m.predict(images, verbose=0) for m in (model, again))
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values)


def test_model_without_the_layer_is_left_alone():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert split(model) == (model, None)


def test_layer_that_is_not_the_end_is_refused():
    model = detector()
    wrong = keras.Model(model.input, {"boxes": model.output["boxes"]})
    with pytest.raises(ValueError, match="what its only DetectionPostProcess gives"):
        split(wrong)


def test_file_with_other_outputs_is_refused(images, tmp_path):
    network, layer = split(detector())
    path = convert(network, tmp_path / "m.tflite", "int8", "int8", images).path
    with pytest.raises(ValueError, match="not all float32"):
        append(path.read_bytes(), layer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"anchors": np.zeros((3, 5))}, r"`anchors` must have the shape"),
        ({"scales": (1, 1)}, r"`scales` must be four numbers"),
        ({"scales": (1, 1, 0, 1)}, r"`scales` must be a number above 0"),
        ({"classes": 0}, r"`classes` must be a number above 0"),
        ({"iou_threshold": 1.5}, r"`iou_threshold` must be at most 1"),
    ],
    ids=["anchors", "two_scales", "zero_scale", "classes", "iou_threshold"],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DetectionPostProcess(**{"anchors": ANCHORS, "classes": 3} | arguments)


def test_scores_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"codes and scores of the shapes \[\(40, 4\), \(40, 3\)"):
        DetectionPostProcess(ANCHORS, 3)([np.zeros((1, 40, 4)), np.zeros((1, 40, 4))])
