"""Fixtures for comparing networks."""

import keras
import pytest


@pytest.fixture
def float64():
    """Lets networks compute in double precision.

    Fifty layers of random weights make a difference of 1e-7 as large as 1e-1. In double precision
    two networks differ by 1e-8 if they are one function, and much more if they are not.
    """
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")
