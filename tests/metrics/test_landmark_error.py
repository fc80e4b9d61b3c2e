import numpy as np
import pytest

from keras_cv_course.metrics.landmarks import normalized_mean_error

NAN = float("nan")


def test_distances_over_the_distance_between_the_eyes():
    true = np.array([[[0.0, 0.0], [10.0, 0.0], [5.0, 5.0]]])
    guess = np.array([[[3.0, 4.0], [10.0, 0.0], [5.0, 6.0]]])
    assert normalized_mean_error(true, guess, eyes=(0, 1)) == pytest.approx([(5 + 0 + 1) / 3 / 10])
    flat = normalized_mean_error(true.reshape(1, -1), guess.reshape(1, -1), eyes=(0, 1))
    assert flat == pytest.approx([0.2])


def test_hidden_points_do_not_count():
    true = np.array([[0.0, 0.0, 10.0, 0.0, NAN, NAN], [NAN] * 6])
    error = normalized_mean_error(true, np.ones((2, 6)), eyes=(0, 1))
    expected = (np.sqrt(2) + np.sqrt(82)) / 2 / 10
    np.testing.assert_allclose(error, [expected, NAN])
