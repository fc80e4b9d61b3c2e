import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.ops.anchors import AnchorMap, anchor_boxes, anchor_strides
from keras_cv_course.ops.box_coding import encode_boxes
from keras_cv_course.ops.target_encoding import (
    YOLO_COLUMNS,
    encode_anchor_targets,
    encode_yolo_targets,
)

F32 = np.float32
ANCHORS = np.array([[0, 0, 10, 10], [10, 0, 20, 10], [20, 0, 30, 10], [30, 0, 40, 10]], F32)
# The first fills the first anchor, the second 0.45 of the third; then padding.
BOXES = np.array([[0, 0, 10, 10], [20, 0, 30, 4.5], [0, 0, 0, 0]], F32)
LABELS = np.array([3, 0, -1], np.int32)


def test_ssd_by_hand():
    targets = encode_anchor_targets(BOXES, LABELS, anchors=ANCHORS)
    boxes, classes = np.asarray(targets["boxes"]), np.asarray(targets["classes"])
    assert boxes.dtype == classes.dtype == F32
    np.testing.assert_array_equal(classes, [[3, 1], [-1, 1], [0, 1], [-1, 1]])
    np.testing.assert_array_equal(boxes[:, 4], [1, 0, 1, 0])
    # The third anchor: the middle 2.75 of 10 higher, 0.45 of the height.
    expected = np.zeros((4, 4))
    expected[2] = [0, -0.275 / 0.1, 0, np.log(0.45) / 0.2]
    np.testing.assert_allclose(boxes[:, :4], expected, atol=1e-5)


def test_retinanet_ignores_what_lies_between_its_thresholds():
    options = {"variances": (1, 1, 1, 1), "positive": 0.5, "negative": 0.4, "guarantee": None}
    targets = encode_anchor_targets(BOXES, LABELS, anchors=ANCHORS, **options)
    np.testing.assert_array_equal(targets["classes"], [[3, 1], [-1, 1], [-1, 0], [-1, 1]])
    np.testing.assert_array_equal(targets["boxes"], [[0, 0, 0, 0, 1]] + [[0] * 5] * 3)


def test_weights_go_with_their_boxes():
    weights = np.array([0.25, 0.75, 0.5], F32)
    targets = encode_anchor_targets(BOXES, LABELS, weights, anchors=ANCHORS)
    np.testing.assert_array_equal(targets["boxes"][:, 4], [0.25, 0, 0.75, 0])
    np.testing.assert_array_equal(targets["classes"][:, 1], [0.25, 1, 0.75, 1])


def test_a_image_without_boxes_is_background():
    for boxes, labels in ((np.zeros((0, 4), F32), np.zeros(0, int)), (BOXES, LABELS * 0 - 1)):
        targets = encode_anchor_targets(boxes, labels, anchors=ANCHORS)
        np.testing.assert_array_equal(targets["boxes"], np.zeros((4, 5)))
        np.testing.assert_array_equal(targets["classes"], [[-1, 1]] * 4)


def test_in_tf_data_and_in_batches(rng):
    corner = rng.uniform(0, 30, (3, 5, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(3, 12, (3, 5, 2))], -1).astype(F32)
    labels = rng.integers(-1, 3, (3, 5)).astype(np.int32)
    batch = encode_anchor_targets(boxes, labels, anchors=ANCHORS)
    data = tf.data.Dataset.from_tensor_slices((boxes, labels))
    data = data.map(lambda b, y: encode_anchor_targets(b, y, anchors=ANCHORS)).batch(3)
    (streamed,) = data.as_numpy_iterator()
    for name in ("boxes", "classes"):
        np.testing.assert_array_equal(streamed[name], batch[name])
    matched = streamed["boxes"][0, :, 4] > 0
    for anchor in np.flatnonzero(matched):
        codes = [encode_boxes(box, ANCHORS[anchor]) for box in boxes[0]]
        targets = streamed["boxes"][0, anchor, :4]
        assert min(np.abs(targets - np.asarray(c)).max() for c in codes) < 1e-4


@pytest.fixture
def places():
    maps = [AnchorMap(2, 2, (10, 10), ((5, 5), (10, 5)))]
    return {"anchors": anchor_boxes(maps), "strides_px": anchor_strides(maps)}


def test_yolo_by_hand(places):
    boxes = np.array([[10, 3, 20, 8], [0, 0, 0, 0]], F32)  # the cell (0, 1), the wide anchor
    rows = np.asarray(encode_yolo_targets(boxes, np.array([2, -1]), **places))
    assert rows.shape == (8 + 2, 12)
    columns = {name: rows[:, place] for name, place in YOLO_COLUMNS.items()}
    np.testing.assert_array_equal(columns["anchor"][:8], places["anchors"])
    np.testing.assert_array_equal(columns["stride"][:8], places["strides_px"])
    np.testing.assert_array_equal(columns["weight"][:, 0], [0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(columns["label"][:, 0], [-1, -1, -1, 2, -1, -1, -1, -1, 2, -1])
    np.testing.assert_array_equal(columns["box"][3], boxes[0])
    np.testing.assert_array_equal(columns["box"][8:], boxes)
    np.testing.assert_array_equal(rows[8:, 6:], np.zeros((2, 6)))


def test_yolo_v1_gives_the_box_to_the_whole_cell(places):
    boxes = np.array([[10, 3, 20, 8]], F32)
    weights = np.array([0.5], F32)
    rows = np.asarray(encode_yolo_targets(boxes, np.array([2]), weights, version=1, **places))
    np.testing.assert_array_equal(rows[:, 4], [0, 0, 0.5, 0.5, 0, 0, 0, 0, 0.5])


def test_yolo_without_boxes_and_in_batches(places):
    none = encode_yolo_targets(np.zeros((0, 4), F32), np.zeros(0, int), **places)
    assert none.shape == (8, 12)
    assert np.asarray(none)[:, 4].max() == 0
    batch = encode_yolo_targets(np.zeros((3, 4, 4), F32), np.full((3, 4), -1), **places)
    assert batch.shape == (3, 12, 12)
    np.testing.assert_array_equal(batch[0, :8], none)


def test_bad_arguments_are_refused(places):
    with pytest.raises(ValueError, match="`version` must be one of 1, 2, 3"):
        encode_yolo_targets(BOXES, LABELS, version=4, **places)
    with pytest.raises(ValueError, match="`guarantee`"):
        encode_anchor_targets(BOXES, LABELS, anchors=ANCHORS, guarantee="all")
