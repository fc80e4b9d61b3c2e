import keras
import numpy as np
import pytest

from keras_cv_course.detectors.detections import network_of, suppression_of
from keras_cv_course.layers.detection_postprocess import DetectionPostProcess
from keras_cv_course.quantization import quantize_aware, strip
from keras_cv_course.tflite import TFLiteModel, check, compare, convert, inspect

ANCHORS = np.random.default_rng(1).uniform(0.2, 0.6, (40, 4)).astype(np.float32)
SCALES = (10.0, 8.0, 5.0, 4.0)


def detector(**options):
    """Reads its codes and scores from the image, so that a test can prescribe them."""
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
    kept = []
    for i in np.argsort(-scores, axis=None):
        anchor, label = divmod(int(i), scores.shape[1])
        rivals = [box for box, other, _ in kept if other == label]
        covered = any(overlap(boxes[anchor], box) > iou_threshold for box in rivals)
        if scores[anchor, label] >= score_threshold and not covered:
            kept.append((boxes[anchor], label, scores[anchor, label]))
    return kept[:most]


@pytest.mark.parametrize("most", [12, 100])
def test_layer_and_file_find_what_is_found_by_hand(images, tmp_path, most):
    model = detector(max_detections=most, score_threshold=0.3, iou_threshold=0.45)
    file = TFLiteModel(convert(model, tmp_path / "m.tflite", "none").path)
    for outputs in (model.predict(images, verbose=0), file.predict(images)):
        for i, image in enumerate(images):
            expected = by_hand(image, 0.3, 0.45, most)
            count = int(outputs["count"][i])
            assert count == len(expected) > 5
            boxes, labels, scores = zip(*expected, strict=True)
            np.testing.assert_allclose(outputs["boxes"][i, :count], boxes, atol=1e-5)
            np.testing.assert_array_equal(outputs["classes"][i, :count], labels)
            np.testing.assert_allclose(outputs["scores"][i, :count], scores, atol=1e-6)
            assert not any(outputs[key][i, count:].any() for key in ("boxes", "classes", "scores"))


def test_score_equal_to_the_threshold_counts(images, tmp_path):
    images[..., 4:] = 0
    images[:, 3, :, 5] = 0.5
    model = detector(score_threshold=0.5)
    file = TFLiteModel(convert(model, tmp_path / "m.tflite", "none").path)
    for outputs in (model.predict(images, verbose=0), file.predict(images)):
        np.testing.assert_array_equal(outputs["count"], 1)
        np.testing.assert_array_equal(outputs["classes"][:, 0], 1)


@pytest.mark.parametrize("aware", [False, True])
@pytest.mark.parametrize("io_dtype", ["float32", "uint8"])
def test_int8_file_finds_what_its_network_gives(images, tmp_path, aware, io_dtype):
    model = detector(score_threshold=0.5)
    images = np.clip(images, -1, 1)
    if aware:
        model = quantize_aware(model, images, input_range=(-1, 1))
    samples = None if aware else images
    path = convert(
        model, tmp_path / "m.tflite", "int8", io_dtype, samples, input_range=(-1, 1)
    ).path
    report = inspect(path, validate=False)
    assert report.operators[-1] == "TFLite_Detection_PostProcess"
    assert [x.dtype for x in report.inputs] == [io_dtype]
    outputs = {y.name: y.dtype for y in report.outputs}
    assert outputs == dict.fromkeys(("boxes", "classes", "scores", "count"), "float32")
    # The network copies its codes and scores from images in 256 steps from -1 to 1.
    step = 2 / 255
    rounded = np.round((images + 1) / step) * step - 1
    actual = TFLiteModel(path, validate=False).predict(images)
    for i, image in enumerate(rounded):
        expected = by_hand(image, 0.5 - step / 2, 0.5, 12)
        count = int(actual["count"][i])
        assert count == len(expected) > 3
        scores = [score for _, _, score in expected]
        np.testing.assert_allclose(actual["scores"][i, :count], scores, atol=1.5 * step)


def test_quantization_aware_detector_is_its_file(images, tmp_path, rng):
    # A step of the input apart: of equal scores, layer and operator may keep other ones.
    images[..., 4:] = [rng.permutation(127)[:120].reshape(40, 1, 3) * 2 / 255 for _ in images]
    images = np.clip(images, -1, 1)
    whole = detector()
    model = quantize_aware(whole, images, input_range=(-1, 1))
    again = strip(model).predict(images, verbose=0)
    expected = model.predict(images, verbose=0)
    outputs = TFLiteModel(convert(model, tmp_path / "m.tflite").path).predict(images)
    for key, values in whole.predict(images, verbose=0).items():
        np.testing.assert_allclose(again[key], values, atol=1e-5)
        np.testing.assert_allclose(outputs[key], expected[key], atol=1e-5)


def test_phone_gets_a_detector_with_names(tmp_path, rng):
    image = keras.Input((8, 5, 3), name="image")
    maps = [keras.layers.Conv2D(size, 1)(image) for size in (4, 2)]
    codes, logits = (keras.layers.Reshape((40, x.shape[-1]))(x) for x in maps)
    scores = keras.layers.Activation("sigmoid")(logits)
    model = keras.Model(image, DetectionPostProcess(ANCHORS, 2)([codes, scores]))
    images = rng.uniform(0, 1, (8, 8, 5, 3)).astype(np.float32)
    options = {"calibration_data": images, "input_range": (0, 1), "target": "phone"}
    path = convert(model, tmp_path / "m.tflite", class_names=["cat", "dog"], **options).path
    assert check(path, "phone").ok
    report = inspect(path, validate=False)
    assert report.metadata.task == "detector"
    assert report.class_names == ("cat", "dog")
    assert [x.dtype for x in report.inputs] == ["uint8"]
    assert compare(model, path, images).worst_tensors
    with pytest.raises(ValueError, match="1 names for outputs of"):
        convert(model, path, class_names=["cat"], **options)


def test_saved_and_loaded_layer_is_the_same(images, tmp_path):
    model = detector(iou_threshold=0.3)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    expected, outputs = (m.predict(images, verbose=0) for m in (model, again))
    for key, values in expected.items():
        np.testing.assert_array_equal(outputs[key], values)


def test_model_without_the_layer_is_left_alone():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert suppression_of(model) is None
    assert network_of(model) is model


def test_some_of_its_outputs_are_enough_for_a_file(images, tmp_path):
    model = detector()
    some = keras.Model(model.input, {"boxes": model.output["boxes"]})
    assert suppression_of(some) is None
    file = TFLiteModel(convert(some, tmp_path / "m.tflite", "none").path)
    assert [y.name for y in file.outputs] == ["boxes"]
    expected = model.predict(images, verbose=0)["boxes"]
    np.testing.assert_allclose(file.predict(images), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"anchors": np.zeros((3, 5))}, r"`anchors` must have the shape"),
        ({"scales": (1, 1)}, r"`scales` must be four numbers"),
        ({"scales": (1, 1, 0, 1)}, r"`scales` must be a number above 0"),
        ({"classes": 0}, r"`classes` must be a whole number above 0"),
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
