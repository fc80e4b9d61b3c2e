import numpy as np
import pytest

from keras_cv_course._validation import check_whole


@pytest.mark.parametrize("value", [1, 300, np.int64(3)])
def test_whole_numbers_above_zero_pass(value):
    check_whole("count", value)


@pytest.mark.parametrize("value", [0, -1, 2.0, 2.5, True, "2", None, np.float32(2)])
def test_others_are_refused(value):
    with pytest.raises(ValueError, match="`count` must be a whole number above 0"):
        check_whole("count", value)
