import keras
import numpy as np
import pytest

from keras_cv_course.layers.detection_postprocess import DetectionPostProcess
from keras_cv_course.ops.anchors import (
    YOLOV3_SHAPES,
    AnchorMap,
    anchor_boxes,
    anchor_strides,
    yolo_maps,
)
from keras_cv_course.ops.box_coding import (
    NO_VARIANCES,
    SSD_VARIANCES,
    decode_boxes,
    decode_yolo,
    decode_yolo_v1,
    encode_boxes,
    encode_yolo,
    encode_yolo_v1,
    postprocess_codes,
    postprocess_scales,
    yolo_offsets,
)

F32 = np.float32


def test_ssd_by_hand():
    anchor = np.array([[10, 10, 30, 50]], F32)  # middle (20, 30), 20 x 40
    box = np.array([[20, 20, 30, 60]], F32)  # middle (25, 40), 10 x 40
    expected = [[5 / 20 / 0.1, 10 / 40 / 0.1, np.log(0.5) / 0.2, 0]]
    np.testing.assert_allclose(encode_boxes(box, anchor), expected, rtol=1e-5)
    plain = [[0.25, 0.25, np.log(0.5), 0]]
    np.testing.assert_allclose(encode_boxes(box, anchor, NO_VARIANCES), plain, rtol=1e-5)


def test_decoding_undoes_encoding(rng):
    anchors = np.concatenate([rng.uniform(0, 50, (9, 2)), rng.uniform(60, 99, (9, 2))], -1)
    boxes = np.concatenate([rng.uniform(0, 50, (3, 9, 2)), rng.uniform(60, 99, (3, 9, 2))], -1)
    anchors, boxes = anchors.astype(F32), boxes.astype(F32)
    again = decode_boxes(encode_boxes(boxes, anchors), anchors)
    np.testing.assert_allclose(again, boxes, atol=1e-3)
    np.testing.assert_allclose(decode_boxes(np.zeros((9, 4), F32), anchors), anchors, atol=1e-4)


def test_boxes_without_area_have_finite_codes():
    anchor, point = np.array([[0, 0, 10, 10]], F32), np.array([[3, 3, 3, 3]], F32)
    assert np.isfinite(encode_boxes(point, anchor)).all()


def test_codes_reach_the_operator_of_tflite_in_its_order(rng):
    anchors = np.array([[0, 0, 40, 80], [60, 20, 100, 60]], F32)
    boxes = np.array([[[10, 0, 50, 90], [50, 30, 90, 50]]], F32)
    relative = keras.utils.bounding_boxes.convert_format(
        anchors, "xyxy", "rel_center_xywh", height=100, width=200
    )
    layer = DetectionPostProcess(relative, 1, 2, scales=postprocess_scales(SSD_VARIANCES))
    codes = postprocess_codes(encode_boxes(boxes, anchors))
    outputs = layer([codes, np.array([[[0.9], [0.8]]], F32)])["boxes"]
    np.testing.assert_allclose(
        outputs * np.array([100, 200, 100, 200]), boxes[..., [1, 0, 3, 2]], atol=1e-3
    )


@pytest.fixture
def yolo():
    maps = yolo_maps((64, 96), (8, 16, 32), YOLOV3_SHAPES)
    return anchor_boxes(maps), anchor_strides(maps)


def test_yolo_by_hand(yolo):
    anchors, strides = yolo
    first = slice(0, 1)  # the cell (0, 0) to (8, 8), anchor 10 x 13
    box = np.array([[1, 1, 11, 14]], F32)  # middle (6, 7.5)
    codes = encode_yolo(box, anchors[first], strides[first])
    np.testing.assert_allclose(codes, [[6 / 8, 7.5 / 8, 0, 0]], atol=1e-5)
    raw = np.array([[0, 0, np.log(2), 0]], F32)  # the middle of the cell, twice as wide
    box = decode_yolo(raw, anchors[first], strides[first])
    np.testing.assert_allclose(box, [[4 - 10, 4 - 6.5, 4 + 10, 4 + 6.5]], atol=1e-4)


def test_yolo_goes_round_and_decodes_as_ssd_does(yolo, rng):
    anchors, strides = yolo
    raw = rng.normal(size=(2, len(anchors), 4)).astype(F32)
    boxes = decode_yolo(raw, anchors, strides)
    codes = encode_yolo(boxes, anchors, strides)
    sigmoid = 1 / (1 + np.exp(-raw[..., :2]))
    np.testing.assert_allclose(codes[..., :2], sigmoid, atol=1e-4)
    np.testing.assert_allclose(codes[..., 2:], raw[..., 2:], atol=1e-4)
    as_ssd = decode_boxes(yolo_offsets(raw, anchors, strides), anchors, NO_VARIANCES)
    np.testing.assert_allclose(as_ssd, boxes, atol=1e-3)  # pixels


def test_yolo_v1_by_hand():
    maps = [AnchorMap(2, 2, (45, 20), ((40, 90), (40, 90)))]
    anchors, strides = anchor_boxes(maps), anchor_strides(maps)
    codes = np.zeros((1, 8, 4), F32)
    # Cell (row 1, column 0), its second box: middle half a cell in, a quarter and a ninth wide.
    codes[0, 5] = [0.5, 0.5, 0.5, 1 / 3]
    boxes = decode_yolo_v1(codes, anchors, strides)
    assert boxes.shape == (1, 8, 4)
    np.testing.assert_allclose(boxes[0, 5], [10 - 5, 67.5 - 5, 10 + 5, 67.5 + 5], atol=1e-4)
    np.testing.assert_allclose(boxes[0, 3], [20, 0, 20, 0], atol=1e-4)  # row 0, column 1
    np.testing.assert_allclose(encode_yolo_v1(boxes, anchors, strides), codes, atol=1e-5)
