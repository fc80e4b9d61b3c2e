import pytest

from keras_cv_course.optimizers.warm_up import WarmUp


def test_the_warm_up_is_a_share_of_the_rate_that_would_be():
    schedule = WarmUp([2], [1.0, 0.5], warmup_steps=4)
    assert [float(schedule(step)) for step in range(6)] == [0.0, 0.25, 0.25, 0.375, 0.5, 0.5]


def test_values_must_be_one_more_than_boundaries():
    with pytest.raises(ValueError, match=r"`values` must be one more than `boundaries`, 2"):
        WarmUp([2], [1.0], 0)
