import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.ops.anchors import AnchorMap, anchor_boxes, anchor_strides
from keras_cv_course.ops.matching import (
    BACKGROUND,
    IGNORED,
    bipartite_match,
    match_anchors,
    match_cells,
    match_shapes,
    threshold_match,
)

F32 = np.float32


def numpy_bipartite(overlaps):
    """The deck's greedy assignment: the largest, strike out its row and column, and so on."""
    left = np.array(overlaps, float).T  # (anchors, boxes), as the deck has it
    match = np.full(left.shape[0], BACKGROUND)
    for _ in range(min(left.shape)):
        anchor, box = np.unravel_index(left.argmax(), left.shape)
        if left[anchor, box] <= 0:
            break
        match[anchor] = box
        left[anchor], left[:, box] = -1, -1
    return match


def test_the_decks_example():
    """X25: x23, x71, x54 and x92, in this order; box 3 to anchor 2, 1 to 7, 4 to 5, 2 to 9."""
    x = np.full((9, 4), 0.1, F32)
    x[1, 2], x[6, 0], x[4, 3], x[8, 1] = 0.9, 0.8, 0.7, 0.6
    x[1, 0], x[6, 3], x[4, 1] = 0.85, 0.75, 0.65  # better, but of struck-out anchors
    match = np.asarray(bipartite_match(x.T))
    matched = {int(i) + 1: int(match[i]) + 1 for i in np.flatnonzero(match >= 0)}
    assert matched == {2: 3, 7: 1, 5: 4, 9: 2}


@pytest.mark.parametrize("shape", [(1, 1), (3, 20), (20, 3), (8, 8)])
def test_bipartite_as_in_numpy_with_ties_and_without(shape, rng):
    for step in range(10):
        overlaps = rng.uniform(-0.2, 1, shape).astype(F32)
        if step % 2:
            overlaps = np.round(overlaps, 1)  # many ties
        np.testing.assert_array_equal(bipartite_match(overlaps), numpy_bipartite(overlaps))


def test_bipartite_when_all_boxes_are_equal():
    overlaps = np.tile(np.array([0.2, 0.9, 0.0, 0.5], F32), (5, 1))
    np.testing.assert_array_equal(bipartite_match(overlaps), [2, 0, BACKGROUND, 1])


def test_thresholds_by_hand():
    overlaps = np.array([[0.6, 0.45, 0.1, 0.5, 0.39], [0.7, 0.2, 0.0, 0.5, 0.4]], F32)
    np.testing.assert_array_equal(threshold_match(overlaps), [1, -1, -1, 0, -1])
    np.testing.assert_array_equal(
        threshold_match(overlaps, 0.5, 0.4), [1, IGNORED, BACKGROUND, 0, IGNORED]
    )


# Four squares in a row; the boxes are the first, half of the second, and a small part of the third.
ANCHORS = np.array([[0, 0, 10, 10], [10, 0, 20, 10], [20, 0, 30, 10], [30, 0, 40, 10]], F32)
BOXES = np.array([[0, 0, 10, 10], [10, 0, 20, 5], [20, 0, 22, 2], [0, 0, 0, 0]], F32)
LABELS = np.array([4, 2, 0, -1], np.int32)


def test_ssd_gives_every_box_an_anchor():
    np.testing.assert_array_equal(match_anchors(ANCHORS, BOXES, LABELS), [0, 1, 2, -1])
    np.testing.assert_array_equal(
        match_anchors(ANCHORS, BOXES, LABELS, guarantee=None), [0, 1, -1, -1]
    )
    # The first box alone overlaps the second anchor by less than the threshold, but is kept off it.
    wide = np.array([[0, 0, 20, 10], [5, 0, 15, 10]], F32)
    match = match_anchors(ANCHORS, wide, np.array([0, 0]), positive=0.3)
    np.testing.assert_array_equal(match, [0, 1, -1, -1])


def test_best_shares_no_anchor_but_bipartite_finds_another():
    twins = np.array([[1, 0, 11, 10], [0, 0, 11, 10]], F32)
    labels = np.array([0, 1], np.int32)
    np.testing.assert_array_equal(
        match_anchors(ANCHORS, twins, labels, positive=0.95, guarantee="best"), [0, -1, -1, -1]
    )
    np.testing.assert_array_equal(
        match_anchors(ANCHORS, twins, labels, positive=0.95), [1, 0, -1, -1]
    )


@pytest.mark.parametrize("guarantee", ["bipartite", "best", None])
def test_padding_and_boxes_without_area_match_nothing(guarantee):
    labels = np.array([-1, -1, -1, 1], np.int32)
    match = match_anchors(ANCHORS, BOXES, labels, guarantee=guarantee)
    np.testing.assert_array_equal(match, [BACKGROUND] * 4)
    none = match_anchors(ANCHORS, np.zeros((0, 4), F32), np.zeros(0, np.int32), guarantee=guarantee)
    np.testing.assert_array_equal(none, [BACKGROUND] * 4)


def test_a_batch_is_its_images(rng):
    corner = rng.uniform(0, 30, (3, 6, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(1, 12, (3, 6, 2))], -1).astype(F32)
    labels = np.where(rng.uniform(size=(3, 6)) < 0.6, 1, -1).astype(np.int32)
    batch = np.asarray(match_anchors(ANCHORS, boxes, labels))
    graph = tf.function(
        lambda b, y: match_anchors(ANCHORS, b, y),
        input_signature=[tf.TensorSpec((None, 4)), tf.TensorSpec((None,), tf.int32)],
    )
    for i in range(3):
        np.testing.assert_array_equal(graph(boxes[i], labels[i]), batch[i])


@pytest.fixture
def yolo():
    maps = [
        AnchorMap(2, 2, (16, 16), ((8, 8), (8, 16))),
        AnchorMap(1, 1, (32, 32), ((30, 30), (16, 30))),
    ]
    return anchor_boxes(maps), anchor_strides(maps)


def box(x, y, width, height):
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def test_yolo_takes_the_most_similar_shape_in_the_cell_of_the_middle(yolo):
    boxes = np.array(
        [
            box(20, 4, 7, 15),  # column 1, row 0: the second anchor there, number 3
            box(20, 5, 8, 16),  # wants the same: too late
            box(3, 30, 9, 8),  # column 0, row 1: number 4
            box(31, 31, 25, 28),  # the coarse map: number 8
            box(5, 5, 4, 4),  # padding
        ],
        F32,
    )
    match = match_shapes(*yolo, boxes, np.array([0, 0, 1, 2, -1], np.int32))
    expected = np.full(10, BACKGROUND)
    expected[[3, 4, 8]] = [0, 2, 3]
    np.testing.assert_array_equal(match, expected)


def test_yolo_middles_on_the_border_between_and_around_cells(yolo):
    labels = np.zeros(1, np.int32)

    def anchor_of(x, y):
        match = np.asarray(match_shapes(*yolo, np.array([box(x, y, 8, 8)], F32), labels))
        return np.flatnonzero(match == 0).tolist()

    assert anchor_of(0, 0) == [0]
    assert anchor_of(16, 16) == [6]
    assert anchor_of(32, 32) == [6]
    assert anchor_of(32, 0) == [2]
    assert anchor_of(40, 5) == []
    no_area = np.array([[5, 5, 5, 9]], F32)
    assert np.asarray(match_shapes(*yolo, no_area, labels)).max() == BACKGROUND


def test_yolo_v1_cells():
    maps = [AnchorMap(2, 2, (10, 15), ((30, 20), (30, 20)))]
    cells = anchor_boxes(maps), anchor_strides(maps)
    boxes = np.array([box(5, 5, 9, 9), box(7, 2, 4, 4), box(30, 20, 6, 6), box(10, 20, 2, 0)], F32)
    labels = np.zeros(4, np.int32)
    expected = [0, 0, -1, -1, -1, -1, 2, 2]
    np.testing.assert_array_equal(match_cells(*cells, boxes, labels), expected)
    np.testing.assert_array_equal(match_cells(*cells, boxes, labels - 1), [-1] * 8)
    batch = match_cells(*cells, np.stack([boxes, boxes[::-1]]), np.zeros((2, 4), np.int32))
    np.testing.assert_array_equal(batch, [expected, [2, 2, -1, -1, -1, -1, 1, 1]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": 0.0}, "`positive` must be above 0"),
        ({"positive": 0.4, "negative": 0.5}, "`negative` from 0 to it"),
        ({"guarantee": "hungarian"}, "`guarantee` must be one of"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        match_anchors(ANCHORS, BOXES, LABELS, **options)
