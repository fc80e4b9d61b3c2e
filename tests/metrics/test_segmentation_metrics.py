import keras
import numpy as np
import pytest

from keras_cv_course.metrics import boundary_f1, pixel_confusion, segmentation_scores
from keras_cv_course.metrics.segmentation import mean_over_images


def test_scores_by_hand():
    truth = np.array([[0, 0, 1], [1, 1, 255]])
    predicted = np.array([[0, 1, 1], [1, 0, 2]])
    matrix = pixel_confusion(truth, predicted, classes=4)
    assert matrix.dtype == np.int64
    assert matrix[:2, :2].tolist() == [[1, 1], [1, 2]]
    assert matrix.sum() == 5
    scores = segmentation_scores(matrix)
    np.testing.assert_allclose(scores.iou, [1 / 3, 2 / 4, np.nan, np.nan])
    np.testing.assert_allclose(scores.accuracy, [1 / 2, 2 / 3, np.nan, np.nan])
    assert scores.mean_iou == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert scores.pixel_accuracy == pytest.approx(3 / 5)


def test_a_class_that_was_found_and_is_not_there_counts():
    scores = segmentation_scores(pixel_confusion(np.array([0, 0]), np.array([0, 1]), classes=2))
    assert scores.iou.tolist() == [0.5, 0.0]


def test_scores_are_those_of_keras(rng):
    truth = rng.integers(0, 3, (2, 8, 8))
    truth[:, 0] = 255
    predicted = rng.integers(0, 3, (2, 8, 8))
    metric = keras.metrics.MeanIoU(5, ignore_class=255)
    metric.update_state(truth, predicted)
    scores = segmentation_scores(pixel_confusion(truth, predicted, 5))
    assert scores.mean_iou == pytest.approx(float(metric.result()), abs=1e-6)


def test_nothing_that_counts_is_nan():
    scores = segmentation_scores(pixel_confusion(np.array([255]), np.array([0]), 2))
    assert np.isnan([scores.mean_iou, scores.pixel_accuracy, *scores.iou]).all()
    assert np.isnan(mean_over_images([]))


def test_numbers_of_no_class_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"`truth` must hold class numbers from 0 to 1, or 255"):
        pixel_confusion(np.array([2]), np.array([0]), 2)
    with pytest.raises(ValueError, match=r"`found` must hold class numbers from 0 to 1"):
        pixel_confusion(np.array([0]), np.array([9]), 2)
    with pytest.raises(ValueError, match=r"must be of one shape\. Received: \(2,\) and \(3,\)"):
        pixel_confusion(np.zeros(2, int), np.zeros(3, int), 2)


def square(low, high, side=20):
    mask = np.zeros((side, side), int)
    mask[low:high, low:high] = 1
    return mask


def test_outlines_within_the_tolerance_agree():
    assert boundary_f1(square(5, 15), square(5, 15), 3)[:2].tolist() == [1, 1]
    assert np.isnan(boundary_f1(square(5, 15), square(5, 15), 3)[2])
    # Two pixels inside: 6 of each 10 true pixels of a side are near, 24 of 36; all found ones are.
    assert boundary_f1(square(5, 15), square(7, 13), 2)[1] == pytest.approx(0.8)
    assert boundary_f1(square(5, 15), square(8, 12), 2)[1] == 0
    assert boundary_f1(square(5, 15), square(8, 12), 2, tolerance_px=4.25)[1] == 1  # corners too
    assert boundary_f1(square(5, 15), np.zeros((20, 20), int), 2)[1] == 0


def test_one_side_that_is_wrong_by_hand():
    truth = np.zeros((9, 9), int)
    truth[:, :3] = 1
    predicted = truth.copy()
    predicted[8, :] = 1  # a line that is not there
    # True outline of class 1: column 2, all found within 2 px but rows where it is none: all nine.
    # Found outline: column 2 in rows 0..7, and row 8 from column 3 on; of its columns 3..8 two are
    # within 2 px of column 2.
    near, lines = 8 + 2, 8 + 6
    precision, recall = near / lines, 1.0
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_f1(truth, predicted, 2)[1] == pytest.approx(expected)


def test_borders_of_what_does_not_count_are_no_outlines():
    truth = np.zeros((6, 6), int)
    truth[:, 3:] = 255
    assert np.isnan(boundary_f1(truth, np.zeros((6, 6), int), 2)).all()


def test_means_are_over_images_first():
    assert mean_over_images([np.array([1.0, np.nan]), np.array([0.0, 0.25])]) == 0.375
