import keras
import numpy as np
import pytest

from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.detection_postprocess import DetectionPostProcess
from keras_cv_course.layers.head_decoding import HeadDecoding
from keras_cv_course.ops.anchors import AnchorMap
from keras_cv_course.ops.box_coding import SSD_VARIANCES, decode_boxes, decode_yolo, decode_yolo_v1
from keras_cv_course.specs.detection import DetectionSpec

SIZE = (48, 64)
MAPS = (
    AnchorMap(3, 4, (16.0, 16.0), ((8.0, 20.0), (30.0, 10.0))),
    AnchorMap(1, 2, (48.0, 32.0), ((30.0, 40.0),)),
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def raw(spec, rng):
    heads = {
        "boxes": rng.normal(size=(2, spec.count, 4)),
        "classes": rng.normal(size=(2, spec.count, spec.logits)),
    }
    if spec.has_objectness:
        heads["objectness"] = rng.normal(size=(2, spec.count, 1))
    return {name: values.astype(np.float32) for name, values in heads.items()}


def boxes_of(spec, heads):
    """What DetectionPostProcess makes of the codes, xyxy in pixels."""
    layer = HeadDecoding(spec)
    codes, _ = layer(heads)
    tail = DetectionPostProcess(spec.relative_anchors(), spec.classes, scales=layer.scales)
    height, width = spec.input_size_px
    return np.asarray(tail.decode(codes))[..., [1, 0, 3, 2]] * [width, height, width, height]


@pytest.mark.parametrize(
    ("coding", "variances"),
    [("center", SSD_VARIANCES), ("center", (1.0,) * 4), ("cell", (1.0,) * 4)],
)
def test_boxes_are_those_of_box_coding(coding, variances, rng):
    spec = DetectionSpec(SIZE, 3, MAPS, coding, "sigmoid", variances)
    heads = raw(spec, rng)
    if coding == "center":
        expected = decode_boxes(heads["boxes"], spec.anchors(), variances)
    else:
        expected = decode_yolo(heads["boxes"], spec.anchors(), spec.strides())
    np.testing.assert_allclose(boxes_of(spec, heads), expected, rtol=1e-4, atol=1e-3)


def test_boxes_of_yolo_v1_are_those_of_box_coding(rng):
    maps = (AnchorMap(3, 3, (16.0, 16.0), ((48.0, 48.0),) * 2),)
    spec = DetectionSpec((48, 48), 3, maps, "square", "objectness_linear")
    heads = raw(spec, rng)
    expected = decode_yolo_v1(heads["boxes"], spec.anchors(), spec.strides())
    np.testing.assert_allclose(boxes_of(spec, heads), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ("softmax", lambda heads: softmax(heads["classes"])[..., 1:]),
        ("sigmoid", lambda heads: sigmoid(heads["classes"])),
        (
            "objectness_sigmoid",
            lambda heads: sigmoid(heads["objectness"]) * sigmoid(heads["classes"]),
        ),
        (
            "objectness_softmax",
            lambda heads: sigmoid(heads["objectness"]) * softmax(heads["classes"]),
        ),
        ("objectness_linear", lambda heads: heads["objectness"] * heads["classes"]),
    ],
)
def test_scores(scores, expected, rng):
    spec = DetectionSpec(SIZE, 3, MAPS, "center", scores)
    heads = raw(spec, rng)
    _, actual = HeadDecoding(spec)(heads)
    np.testing.assert_allclose(actual, expected(heads), atol=1e-6)
    assert actual.shape == (2, spec.count, 3)


def test_codes_that_are_not_the_anchors_are_refused():
    spec = DetectionSpec(SIZE, 3, MAPS, "center", "sigmoid")
    with pytest.raises(ValueError, match=r"one code of 4 numbers for each of its 26 anchors"):
        BoxCodes(spec)(keras.Input((25, 4)))


def test_codes_pass_unchanged(rng):
    spec = DetectionSpec(SIZE, 3, MAPS, "center", "sigmoid")
    codes = raw(spec, rng)["boxes"]
    layer = BoxCodes.from_config(BoxCodes(spec).get_config())
    np.testing.assert_array_equal(layer(codes), codes)
    assert layer.spec == spec
