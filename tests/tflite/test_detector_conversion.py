"""Detectors as files: each form of suppression finds what the Keras detector finds."""

import keras
import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import YOLO, Detector, MobileNetV2, RetinaNet, SSDLite
from keras_cv_course.detectors.detections import suppression_of
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert, inspect
from keras_cv_course.tflite.joining import join
from keras_cv_course.tflite.lowest_score import lowest_score

SIZE = 64
NAMES = ("circle", "square", "triangle")
BUILDERS = {
    "ssdlite": lambda body: SSDLite(body, 3, extra_filters=(32,)),
    "yolo": lambda body: YOLO(body, 3, filters={"P3": 8, "P4": 16, "P5": 32}),
    "yolo_2": lambda body: YOLO(body, 3, version=2),
    "retinanet": lambda body: RetinaNet(body, 3, filters=16),
}


def detector(name, model=None, **options):
    options = {"score_threshold": 0.35, "iou_threshold": 0.45, "max_detections": 20} | options
    return Detector(BUILDERS[name](body()) if model is None else model, NAMES, **options)


def body():
    return MobileNetV2((SIZE, SIZE, 3), alpha=0.35, include_top=False)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (4, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def ssdlite(images):
    keras.utils.set_random_seed(0)
    network = detector("ssdlite")
    randomize(network.network, np.random.default_rng(0), images)
    return network


@pytest.fixture(scope="module")
def detections(ssdlite, images):
    return {key: np.asarray(values) for key, values in ssdlite.model(images).items()}


def matches(outputs, expected, least_iou=0.95):
    """Whether detections of one image are the expected ones, but for those of equal scores."""
    count = int(expected["count"])
    assert int(outputs["count"]) == count > 2
    np.testing.assert_allclose(outputs["scores"], expected["scores"], atol=1e-3)
    rest = list(range(count))
    for i in range(count):
        same = [
            j
            for j in rest
            if outputs["classes"][j] == expected["classes"][i]
            and abs(outputs["scores"][j] - expected["scores"][i]) < 1e-3
            and overlap(outputs["boxes"][j], expected["boxes"][i]) > least_iou
        ]
        assert same, f"box {i} of {count} is not found"
        rest.remove(same[0])


def overlap(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = np.clip(high - low, 0, None).prod()
    areas = sum((box[2:] - box[:2]).prod() for box in (a, b))
    return common / (areas - common)


def rows(outputs):
    return [{key: values[i] for key, values in outputs.items()} for i in range(4)]


@pytest.mark.parametrize("nms", ["tflite_op", "builtin"])
def test_float_file_finds_what_the_detector_finds(ssdlite, images, detections, tmp_path, nms):
    path = convert(ssdlite, tmp_path / "m.tflite", "none", nms=nms).path
    outputs = TFLiteModel(path, validate=False).predict(images)
    for actual, expected in zip(rows(outputs), rows(detections), strict=True):
        matches(actual, expected)
    assert lowest_score(path) == pytest.approx(0.35)
    report = inspect(path, validate=False)
    assert [y.name for y in report.outputs] == ["boxes", "classes", "scores", "count"]
    assert report.class_names == NAMES
    has_builtin = "NON_MAX_SUPPRESSION_V5" in report.operators
    assert has_builtin == (nms == "builtin")
    assert ("TFLite_Detection_PostProcess" in report.operators) != has_builtin


def test_raw_file_has_the_anchors_for_its_reader(ssdlite, images, tmp_path):
    path = convert(ssdlite, tmp_path / "m.tflite", "none", nms=None).path
    with pytest.raises(ValueError, match="must be a file with its suppression inside"):
        lowest_score(path)
    report = inspect(path, validate=False)
    assert report.metadata.task == "anchor_detector"
    assert report.class_names == NAMES
    outputs = TFLiteModel(path, validate=False).predict(images)
    assert {key: y.shape for key, y in outputs.items()} == {
        "boxes": (4, ssdlite.spec.count, 4),
        "scores": (4, ssdlite.spec.count, 3),
    }
    codes, scores = ssdlite.model.get_layer("head_decoding")(ssdlite.network(images))
    layer = suppression_of(ssdlite.model)
    suppressed = layer([outputs["boxes"], outputs["scores"]])
    for row, expected in zip(rows(suppressed), rows(layer([codes, scores])), strict=True):
        matches(*({key: np.asarray(v) for key, v in x.items()} for x in (row, expected)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolo", "yolo_2", "retinanet"])
@pytest.mark.parametrize("nms", ["tflite_op", "builtin"])
def test_float_files_of_other_families(name, images, tmp_path, nms):
    network = detector(name, score_threshold=0.2)
    randomize(network.network, np.random.default_rng(0), images)
    path = convert(network, tmp_path / "m.tflite", "none", nms=nms).path
    outputs = TFLiteModel(path, validate=False).predict(images)
    for row, expected in zip(rows(outputs), rows(network.model(images)), strict=True):
        matches(row, {key: np.asarray(value) for key, value in expected.items()})


@pytest.mark.parametrize("nms", ["tflite_op", "builtin"])
def test_int8_file_keeps_boxes_and_scores_apart_and_decodes_in_float(
    ssdlite, images, detections, tmp_path, nms
):
    path = convert(ssdlite, tmp_path / "m.tflite", "int8", "uint8", images, nms=nms).path
    report = inspect(path, validate=False)
    assert [x.dtype for x in report.inputs] == ["uint8"]
    assert {y.dtype for y in report.outputs} == {"float32"}
    operators = list(report.operators)
    first_float = operators.index("DEQUANTIZE")
    assert operators.count("DEQUANTIZE") == 2  # of codes, and of logits
    assert "SOFTMAX" in operators[first_float:]
    assert not {"CONV_2D", "CONCATENATION"} & set(operators[first_float : first_float + 1])
    outputs = TFLiteModel(path, validate=False).predict(images)
    # Scores of random weights, in 256 steps of the logits.
    np.testing.assert_allclose(outputs["scores"][:, :3], detections["scores"][:, :3], atol=0.15)


def quantization_aware(name, images, rng):
    """A detector after a step of training with int8 rounding."""
    keras.utils.set_random_seed(0)
    network = BUILDERS[name](body())
    randomize(network, rng, images)
    aware = quantize_aware(network, images, input_range=(-1, 1))
    aware.compile("adam", dict.fromkeys(aware.output_names, "mse"), run_eagerly=True)
    targets = {key: np.zeros((4, *y.shape[1:])) for key, y in aware.output.items()}
    aware.train_on_batch(images, targets)
    return detector(name, aware)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssdlite", "yolo", "yolo_2"])
def test_quantization_aware_detector_is_its_file(name, images, tmp_path, rng):
    trained = quantization_aware(name, images, rng)
    expected = trained.model.predict_on_batch(images)
    path = convert(trained, tmp_path / "m.tflite").path
    outputs = TFLiteModel(path, validate=False).predict(images)
    for row, wanted in zip(rows(outputs), rows(expected), strict=True):
        matches(row, wanted, least_iou=0.99)
    assert inspect(path, validate=False).operators[-1] == "TFLite_Detection_PostProcess"


@pytest.mark.slow
def test_quantization_aware_towers_that_all_maps_share_are_their_file(images, tmp_path, rng):
    """RetinaNet's; of its many boxes of equal scores, suppression may keep others."""
    actual = quantization_aware("retinanet", images, rng)
    path = convert(actual, tmp_path / "m.tflite", nms=None).path
    outputs = TFLiteModel(path).predict(images)
    decoding = actual.model.get_layer("head_decoding")
    codes, scores = decoding(actual.network.predict_on_batch(images))
    assert np.ptp(scores) > 0.3
    np.testing.assert_allclose(outputs["scores"], scores, atol=1e-5)
    np.testing.assert_allclose(outputs["boxes"], codes, atol=1e-5)


@pytest.mark.parametrize("nms", ["tflite_op", "builtin", None])
def test_suppression_of_what_is_no_detector_is_refused(tmp_path, nms):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"`nms` is for a Detector, or a model that ends in"):
        convert(model, tmp_path / "m.tflite", "none", nms=nms)


def test_unknown_suppression_is_refused(ssdlite, tmp_path):
    with pytest.raises(ValueError, match=r"`nms` must be one of 'auto', 'tflite_op', 'builtin'"):
        convert(ssdlite, tmp_path / "m.tflite", "none", nms="soft")


def toy(width, names, tmp_path):
    x = keras.Input((width,), name=names[0])
    model = keras.Model(x, {names[1]: keras.layers.Dense(3, name=names[1])(x)})
    return model, convert(model, tmp_path / f"{names[1]}.tflite", "none").path.read_bytes()


def test_joined_files_compute_one_after_the_other(tmp_path, rng):
    first, data = toy(2, ("a", "b"), tmp_path)
    second, tail = toy(3, ("b", "c"), tmp_path)
    path = tmp_path / "joined.tflite"
    path.write_bytes(join(data, tail))
    inputs = rng.normal(size=(5, 2)).astype(np.float32)
    joined = TFLiteModel(path, validate=False)
    assert [y.name for y in joined.outputs] == ["c"]
    expected = second(first(inputs)["b"])["c"]
    np.testing.assert_allclose(joined.predict(inputs), expected, atol=1e-5)


def test_files_that_do_not_fit_are_not_joined(tmp_path):
    _, data = toy(2, ("a", "b"), tmp_path)
    _, tail = toy(4, ("b", "c"), tmp_path)
    with pytest.raises(ValueError, match=r"`second` must take outputs of `first`"):
        join(data, tail)
