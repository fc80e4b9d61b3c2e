"""Normalizing functions in the form that TFLite has an operation for."""

from typing import Any

import keras

EPSILON = 1e-12


@keras.saving.register_keras_serializable(package="keras_cv_course")
def l2_normalize(x: Any) -> Any:
    """Returns vectors of length 1, as `keras.layers.UnitNormalization` does.

    TFLite's converter recognises this form, and not Keras', as its operation L2_NORMALIZATION.

    Args:
        x: float tensor; vectors along the last axis.

    Returns:
        Tensor of the shape of `x`, in [-1, 1]. A vector of zeros stays one.
    """
    squares = keras.ops.sum(keras.ops.square(x), axis=-1, keepdims=True)
    return x * keras.ops.rsqrt(keras.ops.maximum(squares, EPSILON))
