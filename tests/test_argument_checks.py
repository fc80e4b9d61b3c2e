import numpy as np
import pytest

from keras_cv_course._validation import check_positive, check_rate, check_whole


@pytest.mark.parametrize("value", [1, 300, np.int64(3)])
def test_whole_numbers_above_zero_pass(value):
    check_whole("count", value)


@pytest.mark.parametrize("value", [0, -1, 2.0, 2.5, True, "2", None, np.float32(2)])
def test_others_are_refused(value):
    with pytest.raises(ValueError, match="`count` must be a whole number above 0"):
        check_whole("count", value)


@pytest.mark.parametrize("value", [0.5, 3, np.float32(0.25), np.float64(2), np.int64(3)])
def test_numbers_of_numpy_are_positive_too(value):
    check_positive("alpha", value)


@pytest.mark.parametrize("value", [0, -0.5, np.float32(-1), np.nan, True, np.True_, "1", None, [1]])
def test_what_is_not_positive_is_refused(value):
    with pytest.raises(ValueError, match="`alpha` must be a number above 0"):
        check_positive("alpha", value)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), np.int64(0)])
def test_rates(value):
    check_rate("dropout_rate", value)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, np.float32(1), np.nan, False, "0.5", None])
def test_what_is_no_rate_is_refused(value):
    with pytest.raises(ValueError, match="`dropout_rate` must be at least 0 and below 1"):
        check_rate("dropout_rate", value)
