"""Convolution with standardized kernels."""

from typing import Any

import keras
from keras import ops

_EPSILON = 1e-10  # of Big Transfer's networks


@keras.saving.register_keras_serializable(package="keras_cv_course")
class StandardizedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` whose filters have mean 0 and variance 1 when they are used.

    The variable is the kernel as it is trained. In .tflite files, and in models that are
    quantized, it is a plain convolution with the standardized kernel.

    Takes what `keras.layers.Conv2D` takes.

    Reference:
        Weight Standardization, arXiv:1903.10520, equations 10 and 11, without the scale.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Returns the convolution with the standardized kernel."""
        wide = keras.backend.result_type(kernel.dtype, "float32")  # also with 16 bits
        exact = standardized(ops.cast(kernel, wide))
        return super().convolution_op(inputs, ops.cast(exact, self.compute_dtype))


def standardized(kernel: Any) -> Any:
    """Returns a kernel (height, width, channels, filters) whose filters are standardized."""
    axes = (0, 1, 2)
    centred = kernel - ops.mean(kernel, axes, keepdims=True)
    variance = ops.mean(ops.square(centred), axes, keepdims=True)
    return centred / ops.sqrt(variance + _EPSILON)
