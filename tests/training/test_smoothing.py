import keras
import numpy as np
import pytest

from keras_cv_course.training.smoothing import keras_label_smoothing, smoothed_cross_entropy


def test_the_course_s_smoothing_is_keras_with_a_little_more():
    assert keras_label_smoothing(0.1, 1000) == pytest.approx(0.1001001, abs=1e-7)
    assert keras_label_smoothing(0.1, 2) == pytest.approx(0.2)


def test_the_true_class_has_0_9_and_each_other_its_share_of_0_1():
    p = np.array([[0.5, 0.2, 0.2, 0.05, 0.05]], np.float32)
    labels = np.array([[1, 0, 0, 0, 0]], np.float32)
    smooth = np.array([0.9, 0.025, 0.025, 0.025, 0.025])
    expected = -(smooth * np.log(p[0])).sum()
    assert float(smoothed_cross_entropy(0.1, 5)(labels, p)) == pytest.approx(expected, rel=1e-5)
    logits = smoothed_cross_entropy(0.1, 5, from_logits=True)
    assert float(logits(labels, np.log(p) + 3)) == pytest.approx(expected, rel=1e-5)


def test_the_lowest_loss_is_where_the_probabilities_are_the_smoothed_labels():
    loss = smoothed_cross_entropy(0.1, 3)
    label = np.eye(3, dtype=np.float32)[:1]
    smooth = np.array([[0.9, 0.05, 0.05]], np.float32)
    lowest = float(loss(label, smooth))
    for other in ([[0.95, 0.03, 0.02]], [[0.85, 0.08, 0.07]], [[0.998, 0.001, 0.001]]):
        assert float(loss(label, np.array(other, np.float32))) > lowest


def test_without_smoothing_it_is_the_cross_entropy():
    p = np.array([[0.25, 0.75]], np.float32)
    label = np.array([[0, 1]], np.float32)
    plain = keras.losses.CategoricalCrossentropy()
    assert float(smoothed_cross_entropy(0.0, 2)(label, p)) == float(plain(label, p))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`epsilon` must be at most 0.6667 for 3 classes"):
        keras_label_smoothing(0.7, 3)
    with pytest.raises(ValueError, match=r"`classes` must be at least 2"):
        keras_label_smoothing(0.1, 1)
    with pytest.raises(ValueError, match=r"`epsilon` must be at least 0"):
        keras_label_smoothing(-0.1, 3)
