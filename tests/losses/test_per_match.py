import numpy as np

from keras_cv_course.losses.per_match import per_match, smoothed_one_hot


def test_the_mean_over_the_batch_is_the_sum_over_the_matches():
    weights = np.array([[1, 0, 0.3], [0, 0, 0], [0, 0.5, 0]], np.float32)
    sums = np.array([4, 5, 6], np.float32)
    np.testing.assert_allclose(np.mean(per_match(sums, weights)), 15 / 3)
    np.testing.assert_allclose(np.mean(per_match(sums, weights * 0)), 15)
    np.testing.assert_allclose(np.mean(per_match(sums, weights * 0, least=3.0)), 5)


def test_smoothing_is_the_decks():
    """D21: 1 - ε for the class and ε / (n - 1) for the others."""
    smoothed = np.asarray(smoothed_one_hot(np.array([1, -1]), 5, 0.1))
    np.testing.assert_allclose(smoothed, [[0.025, 0.9, 0.025, 0.025, 0.025], [0] * 5], atol=1e-7)
    np.testing.assert_array_equal(smoothed_one_hot(np.array([1]), 3, 0.0), [[0, 1, 0]])
    np.testing.assert_allclose(smoothed_one_hot(np.array([0]), 1, 0.1), [[0.9]])
