"""What layers have in common whose kernels are rounded as in int8, while float ones train."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_cv_course.quantization import tfmot
from keras_cv_course.quantization.gains import along_inputs

_LARGEST = 127  # int8 weight


def rounded(kernel: Any, per_channel: bool) -> Any:
    """Returns the kernel on its int8 grid, with a range for each last axis or one for all."""
    fixed = ops.stop_gradient(kernel)
    largest = ops.max(ops.abs(fixed), axis=tuple(range(len(kernel.shape) - 1)))
    largest = largest if per_channel else ops.max(largest)
    # The range is always that of the kernel as it is, so training=False: nothing to keep.
    extremes = {"min_var": -largest, "max_var": largest}
    on_grid = tfmot.of_weights(per_channel)(fixed, False, extremes)
    # No weight is outside of its range, so the gradient is 1, which the operation's own takes long
    # to find out.
    return kernel + ops.stop_gradient(on_grid - kernel)


class Int8Kernel(layers.Layer):
    """What all layers with an int8 kernel have: the gain of their input, which it is divided by.

    Args:
        *args: As in the float layer.
        input_gain: What the input is, times that of the float model: a factor, or one for each
            channel. The variable is the kernel of the float model, so that it trains as there.
        **kwargs: As in the float layer.
    """

    def __init__(self, *args: Any, input_gain: Any = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_gain = input_gain

    kernel: Any
    # Axes of the kernel along which each index has a range of its own.
    channel_axes: Any

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        raise NotImplementedError

    def divided_kernel(self) -> Any:
        """Returns the kernel, not rounded yet, for the input that the layer gets."""
        kernel = ops.convert_to_tensor(self.kernel)
        if self.input_gain == 1.0:
            return kernel
        # A product, since the graph compiler would make one of a division, and round otherwise.
        gain = along_inputs(self, np.asarray(self.input_gain, np.float64))
        return ops.multiply(kernel, (1 / gain).astype(np.float32))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"input_gain": self.input_gain}


def largest_weights(layer: keras.Layer) -> Any:
    """Returns the largest absolute weight of each range of a layer's kernel; None without one."""
    if not isinstance(layer, Int8Kernel):
        return None
    kernel = layer.divided_kernel()
    return ops.ravel(ops.max(ops.abs(kernel), axis=_within_a_range(layer, len(kernel.shape))))


def float_weights(layer: keras.Layer) -> list[np.ndarray]:
    """Returns the weights of a layer's float form, for the input that the layer gets."""
    weights: list[np.ndarray] = layer.get_weights()
    if not isinstance(layer, Int8Kernel):
        return weights
    return [np.asarray(layer.divided_kernel()), *weights[1:]]


def rounded_weights(layer: keras.Layer) -> list[np.ndarray]:
    """Returns the weights of a layer as it computes with them, its kernel on the int8 grid.

    The largest weight of a range is exactly as it was, so that the same grid is found again.
    """
    weights: list[np.ndarray] = layer.get_weights()
    if not isinstance(layer, Int8Kernel):
        return weights
    kernel = np.asarray(layer.rounded_kernel(), np.float64)
    others = _within_a_range(layer, kernel.ndim)
    exact = np.asarray(layer.divided_kernel())
    step = np.max(np.abs(exact), axis=others, keepdims=True).astype(np.float64) / _LARGEST
    steps = np.round(np.divide(kernel, step, out=np.zeros_like(kernel), where=step > 0))
    return [(steps * step).astype(np.float32), *weights[1:]]


def _within_a_range(layer: Int8Kernel, rank: int) -> tuple[int, ...]:
    return tuple(axis for axis in range(rank) if axis not in layer.channel_axes)
