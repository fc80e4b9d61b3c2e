import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.ops.boxes import MEASURES, area, ciou, diou, giou, intersection, iou, pairwise

F32 = np.float32


def random_boxes(rng, count, size=100.0):
    corners = rng.uniform(0, size, (count, 2, 2))
    return np.concatenate([corners.min(1), corners.max(1)], -1).astype(F32)


def numpy_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


def numpy_hull(a, b):
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def numpy_giou(a, b):
    x1, y1, x2, y2 = numpy_hull(a, b)
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    hull = (x2 - x1) * (y2 - y1)
    return shared / union - (hull - union) / hull


def numpy_diou(a, b):
    x1, y1, x2, y2 = numpy_hull(a, b)
    dx = (a[0] + a[2] - b[0] - b[2]) / 2
    dy = (a[1] + a[3] - b[1] - b[3]) / 2
    return numpy_iou(a, b) - (dx**2 + dy**2) / ((x2 - x1) ** 2 + (y2 - y1) ** 2)


def numpy_ciou(a, b):
    angles = [math.atan((box[2] - box[0]) / (box[3] - box[1])) for box in (a, b)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    return numpy_diou(a, b) - v * v / (1 - numpy_iou(a, b) + v)


REFERENCES = {"iou": numpy_iou, "giou": numpy_giou, "diou": numpy_diou, "ciou": numpy_ciou}


def test_hand_computed():
    # 2 x 2 squares, one moved right by 1: 2 of 6 shared, hull 3 x 2, middles 1 apart, diagonal² 13.
    a, b = np.array([0, 0, 2, 2], F32), np.array([1, 0, 3, 2], F32)
    np.testing.assert_allclose(intersection(a, b), 2)
    np.testing.assert_allclose(iou(a, b), 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(giou(a, b), 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(diou(a, b), 1 / 3 - 1 / 13, rtol=1e-6)
    np.testing.assert_allclose(ciou(a, b), 1 / 3 - 1 / 13, rtol=1e-6)
    # Moved by 4: hull 6 x 2 = 12, union 8.
    far = np.array([4, 0, 6, 2], F32)
    np.testing.assert_allclose(giou(a, far), -4 / 12, rtol=1e-6)
    np.testing.assert_allclose(diou(a, far), -16 / 40, rtol=1e-6)
    # Both in the middle, 1 x 2 in 2 x 2: angles atan(1/2) and atan(1).
    thin = np.array([0.5, 0, 1.5, 2], F32)
    v = 4 / math.pi**2 * (math.atan(0.5) - math.atan(1)) ** 2
    np.testing.assert_allclose(ciou(a, thin), 0.5 - v * v / (0.5 + v), rtol=1e-5)


@pytest.mark.parametrize("name", MEASURES)
def test_all_pairs_as_in_numpy(name, rng):
    boxes, others = random_boxes(rng, 5), random_boxes(rng, 7)
    expected = [[REFERENCES[name](a, b) for b in others] for a in boxes]
    measured = pairwise(MEASURES[name], boxes, others)
    np.testing.assert_allclose(measured, expected, atol=1e-5)
    other_way = pairwise(MEASURES[name], others, boxes)
    np.testing.assert_allclose(other_way, np.transpose(measured), atol=1e-6)
    both = pairwise(MEASURES[name], np.stack([boxes, boxes]), others)
    np.testing.assert_allclose(both, np.stack([measured, measured]), atol=1e-6)


def test_as_keras_has_them(rng):
    boxes, others = random_boxes(rng, 6), random_boxes(rng, 6)
    utils = keras.utils.bounding_boxes
    np.testing.assert_allclose(
        pairwise(iou, boxes, others), utils.compute_iou(boxes, others, "xyxy"), atol=1e-5
    )
    np.testing.assert_allclose(
        ciou(boxes, others), utils.compute_ciou(boxes, others, "xyxy"), atol=1e-5
    )


@pytest.mark.parametrize("name", MEASURES)
def test_equal_boxes_are_at_1(name, rng):
    boxes = random_boxes(rng, 4)
    np.testing.assert_allclose(MEASURES[name](boxes, boxes), np.ones(4), rtol=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_boxes_without_area_are_finite_with_finite_gradients(name):
    point, line = [5, 5, 5, 5], [0, 5, 10, 5]
    boxes = tf.constant([point, point, line, point, line], tf.float32)
    others = tf.constant([point, [0, 0, 9, 9], line, line, [0, 0, 9, 9]], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        values = MEASURES[name](boxes, others)
    assert np.isfinite(values).all()
    assert np.isfinite(tape.gradient(values, boxes)).all()
    np.testing.assert_array_equal(iou(boxes, others), np.zeros(5))


def test_corners_the_wrong_way_round_have_no_area():
    wrong = np.array([[3, 0, 1, 2], [3, 3, 1, 1]], F32)
    np.testing.assert_array_equal(area(wrong), [0, 0])
    np.testing.assert_array_equal(iou(wrong, np.array([0, 0, 4, 4], F32)), [0, 0])


def test_no_boxes():
    none, some = np.zeros((0, 4), F32), np.ones((3, 4), F32)
    assert pairwise(iou, none, some).shape == (0, 3)
    assert pairwise(ciou, some, none).shape == (3, 0)


def test_formats_go_round():
    """X24: the second form of the deck is the top *left* corner, width and height."""
    convert = keras.utils.bounding_boxes.convert_format
    box = np.array([[2, 3, 6, 11]], F32)
    np.testing.assert_array_equal(convert(box, "xyxy", "xywh"), [[2, 3, 4, 8]])
    np.testing.assert_array_equal(convert(box, "xyxy", "center_xywh"), [[4, 7, 4, 8]])
    relative = convert(box, "xyxy", "rel_xyxy", height=20, width=10)
    np.testing.assert_allclose(relative, [[0.2, 0.15, 0.6, 0.55]], rtol=1e-6)
    for form in ("xywh", "center_xywh", "yxyx", "rel_xyxy", "rel_center_xywh"):
        there = convert(box, "xyxy", form, height=20, width=10)
        back = convert(there, form, "xyxy", height=20, width=10)
        np.testing.assert_allclose(back, box, rtol=1e-6)
