"""Biases of quantization-aware models, as integers."""

import numpy as np
import pytest
from keras import ops

from keras_cv_course.quantization.operations.linear import integer_bias

STEP = np.float32(0.0235294122248888) * np.float32(0.0030542586)


@pytest.mark.parametrize(
    ("bias", "step", "expected"),
    [
        (-0.5347827, STEP, -7442),  # 7441.4997 steps, which the float32 reciprocal makes 7441.5
        (1.25, 0.5, 3),  # halves away from 0
        (-1.25, 0.5, -3),
        (0.0, 0.0, 0),
    ],
)
def test_a_bias_is_what_the_converter_makes_of_it(bias, step, expected):
    rounded = integer_bias(
        ops.convert_to_tensor(bias, "float64"), ops.convert_to_tensor(step, "float32")
    )
    assert float(rounded) == expected
