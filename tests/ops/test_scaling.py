import math

import pytest

from keras_cv_course.ops.scaling import (
    Scaling,
    compound_scaling,
    make_divisible,
    round_filters,
    round_repeats,
)


def test_compound_scaling_of_the_paper():
    scaling = compound_scaling(1)
    assert scaling == Scaling(depth=1.2, width=1.1, resolution=1.15)
    assert scaling.flops_factor == pytest.approx(1.2 * 1.1**2 * 1.15**2)
    assert scaling.flops_factor == pytest.approx(1.92, abs=0.001)


def test_cost_grows_by_the_same_factor_at_each_step():
    assert compound_scaling(3).flops_factor == pytest.approx(compound_scaling(1).flops_factor ** 3)
    assert compound_scaling(0) == Scaling(1.0, 1.0, 1.0)
    assert compound_scaling(-1).flops_factor == pytest.approx(1 / 1.92027, rel=1e-4)


def test_cost_is_linear_in_depth_and_square_in_width_and_resolution():
    assert Scaling(depth=4, width=1, resolution=1).flops_factor == 4
    assert Scaling(depth=1, width=2, resolution=1).flops_factor == 4
    assert Scaling(depth=1, width=1, resolution=2).flops_factor == 4


@pytest.mark.parametrize("argument", ["alpha", "beta", "gamma"])
@pytest.mark.parametrize("value", [0.9, -1, math.inf, math.nan])
def test_bases_below_one_are_refused(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be at least 1"):
        compound_scaling(1, **{argument: value})


def test_phi_must_be_finite():
    with pytest.raises(ValueError, match="`phi` must be a finite number"):
        compound_scaling(math.inf)


def test_factors_must_be_positive():
    with pytest.raises(ValueError, match="`width` must be a number above 0"):
        Scaling(depth=1, width=0, resolution=1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 8), (8, 8), (11, 16), (12, 16), (16.1, 16), (19, 24), (32 * 1.1, 32), (40 * 1.1, 48)],
)
def test_make_divisible_loses_at_most_a_tenth(value, expected):
    # 11 would round to 8, which is below 0.9 * 11, and so would 19 to 16.
    assert make_divisible(value) == expected


def test_make_divisible_takes_another_divisor():
    assert make_divisible(30, divisor=16) == 32
    assert make_divisible(3, divisor=4) == 4


def test_round_filters_is_that_of_efficientnet_b7():
    table = (32, 16, 24, 40, 80, 112, 192, 320, 1280)
    assert [round_filters(f, 2.0) for f in table] == [64, 32, 48, 80, 160, 224, 384, 640, 2560]


def test_round_repeats_is_that_of_efficientnet_b7():
    assert [round_repeats(n, 3.1) for n in (1, 2, 2, 3, 3, 4, 1)] == [4, 7, 7, 10, 10, 13, 4]
