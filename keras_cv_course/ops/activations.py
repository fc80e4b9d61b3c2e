"""Activation functions that Keras lacks."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_cv_course")
def hard_sigmoid_x6(x: Any) -> Any:
    """Returns `relu6(x + 3)`, six times the hard-sigmoid.

    Hard-swish is `x * hard_sigmoid_x6(x) / 6`. With the division moved into the next linear
    operation, what remains is one ADD with a fused RELU6, which int8 kernels have.

    Args:
        x: float tensor of any shape.

    Returns:
        Tensor of the shape of `x`, in [0, 6].

    Reference:
        Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """
    return keras.ops.relu6(x + 3.0)


@keras.saving.register_keras_serializable(package="keras_cv_course")
def absolute(x: Any) -> Any:
    """Returns `|x|`, as `keras.ops.absolute` does, under a name that a saved model can hold.

    Args:
        x: float tensor of any shape.
    """
    return keras.ops.absolute(x)
