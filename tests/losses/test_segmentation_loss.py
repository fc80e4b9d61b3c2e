import keras
import numpy as np
import pytest

from keras_cv_course.losses import SegmentationLoss

# One image of 1x2 pixels, three classes: probabilities (0.5, 0.25, 0.25) and (0.2, 0.6, 0.2).
PROBABILITIES = np.float32([[[[0.5, 0.25, 0.25], [0.2, 0.6, 0.2]]]])
LOGITS = np.log(PROBABILITIES)
LABELS = np.array([[[0, 1]]])


def value(loss, labels, logits=LOGITS):
    return float(loss(labels, logits))


def test_cross_entropy_is_the_mean_over_pixels_that_count():
    loss = SegmentationLoss()
    assert value(loss, LABELS) == pytest.approx(-(np.log(0.5) + np.log(0.6)) / 2, abs=1e-6)
    assert value(loss, np.array([[[0, 255]]])) == pytest.approx(-np.log(0.5), abs=1e-6)
    assert value(loss, np.array([[[255, 255]]])) == 0
    other = SegmentationLoss(ignore_value=1)
    assert value(other, LABELS) == pytest.approx(-np.log(0.5), abs=1e-6)
    assert value(SegmentationLoss(ignore_value=None), LABELS) == pytest.approx(value(loss, LABELS))


def test_focal_is_cross_entropy_times_the_power_of_what_is_missing():
    loss = SegmentationLoss({"focal": 1.0}, gamma=2.0)
    each = -np.log(0.5) * 0.5**2, -np.log(0.6) * 0.4**2
    assert value(loss, LABELS) == pytest.approx(np.mean(each), abs=1e-5)
    assert value(loss, np.array([[[255, 1]]])) == pytest.approx(each[1], abs=1e-5)


def test_dice_is_the_mean_over_classes_that_are_there():
    loss = SegmentationLoss({"dice": 1.0})
    # Class 0: 2 * 0.5 / (1 + 0.5 + 0.2); class 1: 2 * 0.6 / (1 + 0.25 + 0.6); class 2 is not there.
    expected = 1 - (1.0 / 1.7 + 1.2 / 1.85) / 2
    assert value(loss, LABELS) == pytest.approx(expected, abs=1e-5)
    # Without the second pixel: 2 * 0.5 / (1 + 0.5).
    assert value(loss, np.array([[[0, 255]]])) == pytest.approx(1 - 1 / 1.5, abs=1e-5)


def test_terms_are_weighted_and_saved():
    loss = SegmentationLoss({"cross_entropy": 2.0, "dice": 0.5}, ignore_value=7, gamma=1.0)
    parts = value(SegmentationLoss(), LABELS), value(SegmentationLoss({"dice": 1.0}), LABELS)
    assert value(loss, LABELS) == pytest.approx(2 * parts[0] + 0.5 * parts[1], abs=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()


def test_ignored_pixels_have_no_gradient():
    import tensorflow as tf

    labels = np.array([[[0, 255]]])
    loss = SegmentationLoss({"cross_entropy": 1.0, "focal": 1.0, "dice": 1.0})
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        result = loss(labels, logits)
    gradient = tape.gradient(result, logits).numpy()
    assert np.abs(gradient[0, 0, 0]).min() > 0
    assert (gradient[0, 0, 1] == 0).all()


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"`terms` must be one of 'cross_entropy'.*'dise'"):
        SegmentationLoss({"dise": 1.0})
    with pytest.raises(ValueError, match=r"`terms` must hold one of cross_entropy"):
        SegmentationLoss({})
    with pytest.raises(ValueError, match=r"`dice` must be a number above 0"):
        SegmentationLoss({"dice": -1.0})
    with pytest.raises(ValueError, match=r"`gamma` must be 0 or more"):
        SegmentationLoss(gamma=-1.0)
