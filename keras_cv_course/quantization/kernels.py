"""Keras layers that compute with weights rounded as int8 does, and train the float ones."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.quantization import tfmot
from keras_cv_course.quantization.gains import along_inputs

_LARGEST = 127  # int8 weight


def _rounded(kernel: Any, per_channel: bool) -> Any:
    """Returns the kernel on its int8 grid, with a range for each last axis or one for all."""
    fixed = ops.stop_gradient(kernel)
    largest = ops.max(ops.abs(fixed), axis=tuple(range(len(kernel.shape) - 1)))
    largest = largest if per_channel else ops.max(largest)
    # The range is always that of the kernel as it is, so training=False: nothing to keep.
    extremes = {"min_var": -largest, "max_var": largest}
    rounded = tfmot.of_weights(per_channel)(fixed, False, extremes)
    # No weight is outside of its range, so the gradient is 1, which the operation's own takes long
    # to find out.
    return kernel + ops.stop_gradient(rounded - kernel)


class _Int8Kernel(layers.Layer):
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


def _value(x: Any) -> Any:
    return x.value if isinstance(x, keras.Variable) else x


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedConv2D(_Int8Kernel, layers.Conv2D):
    """`keras.layers.Conv2D` with an int8 kernel, one range for each filter."""

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        return _rounded(self.divided_kernel(), per_channel=True)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Returns the convolution with the rounded kernel."""
        return super().convolution_op(inputs, self.rounded_kernel())


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedDense(_Int8Kernel, layers.Dense):
    """`keras.layers.Dense` with an int8 kernel, one range for each unit."""

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        return _rounded(self.divided_kernel(), per_channel=True)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the product with the rounded kernel."""
        x = ops.matmul(inputs, self.rounded_kernel())
        return x if self.bias is None else ops.add(x, self.bias)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedConv2DTranspose(_Int8Kernel, layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` with an int8 kernel, one range for each filter."""

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        swapped = _rounded(ops.swapaxes(self.divided_kernel(), 2, 3), per_channel=True)
        return ops.swapaxes(swapped, 2, 3)

    def call(self, inputs: Any) -> Any:
        """Returns the transposed convolution with the rounded kernel."""
        x = ops.conv_transpose(
            inputs,
            self.rounded_kernel(),
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return x if self.bias is None else ops.add(x, self.bias)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedDepthwiseConv2D(_Int8Kernel, layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` with an int8 kernel.

    Args:
        *args: As in `keras.layers.DepthwiseConv2D`.
        per_channel: Whether each channel has a range, or one is for all as in tfmot.
        **kwargs: As in `keras.layers.DepthwiseConv2D`.
    """

    def __init__(self, *args: Any, per_channel: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.per_channel = per_channel

    def rounded_kernel(self) -> Any:
        """Returns the kernel on its int8 grid."""
        height, width, channels, multiplier = self.kernel.shape
        flat = ops.reshape(self.divided_kernel(), (height, width, 1, channels * multiplier))
        return ops.reshape(_rounded(flat, self.per_channel), self.kernel.shape)

    def call(self, inputs: Any) -> Any:
        """Returns the depthwise convolution with the rounded kernel."""
        x = ops.depthwise_conv(
            inputs,
            self.rounded_kernel(),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return x if self.bias is None else ops.add(x, self.bias)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"per_channel": self.per_channel}


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedPReLU(layers.PReLU):
    """`keras.layers.PReLU` with int8 slopes, one range for all."""

    def call(self, inputs: Any) -> Any:
        """Returns inputs above 0, and the others times their rounded slope."""
        extremes = {
            "min_var": ops.minimum(ops.stop_gradient(ops.min(self.alpha)), 0.0),
            "max_var": ops.maximum(ops.stop_gradient(ops.max(self.alpha)), 0.0),
        }
        slopes = tfmot.of_activations()(_value(self.alpha), False, extremes)
        return ops.relu(inputs) - slopes * ops.relu(-inputs)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class FreezableBatchNormalization(BatchNormalization):
    """Batch normalization that can train its scale and offset on statistics that stay.

    Its weights are rounded as part of the kernel before it.

    Args:
        frozen: Whether the moving statistics are used, and stay, in training.
        **kwargs: As in `keras.layers.BatchNormalization`.
    """

    def __init__(self, frozen: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frozen = frozen

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Returns normalized inputs of the same shape."""
        return super().call(inputs, training=training and not self.frozen, mask=mask)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"frozen": self.frozen}


# What stands for a layer in a quantization-aware model, and what for that in a float one.
INT8: dict[type[keras.Operation], type[keras.Layer]] = {
    layers.BatchNormalization: FreezableBatchNormalization,
    BatchNormalization: FreezableBatchNormalization,
    layers.Conv2D: QuantizedConv2D,
    layers.Conv2DTranspose: QuantizedConv2DTranspose,
    layers.Dense: QuantizedDense,
    layers.DepthwiseConv2D: QuantizedDepthwiseConv2D,
    layers.PReLU: QuantizedPReLU,
}
# Those whose kernel has a gain.
KERNELS = tuple(float_ for float_, int8 in INT8.items() if issubclass(int8, _Int8Kernel))
FLOAT = {int8: float_ for float_, int8 in INT8.items()} | {
    FreezableBatchNormalization: layers.BatchNormalization
}
# Axes of the kernel along which each index has a range of its own.
_CHANNEL_AXES = {
    QuantizedConv2D: (3,),
    QuantizedConv2DTranspose: (2,),
    QuantizedDense: (1,),
    QuantizedDepthwiseConv2D: (2, 3),
}


def largest_weights(layer: keras.Layer) -> Any:
    """Returns the largest absolute weight of each range of a layer's kernel; None without one."""
    if type(layer) not in _CHANNEL_AXES:
        return None
    channels = _CHANNEL_AXES[type(layer)] if getattr(layer, "per_channel", True) else ()
    kernel = layer.divided_kernel()
    others = tuple(axis for axis in range(len(kernel.shape)) if axis not in channels)
    return ops.ravel(ops.max(ops.abs(kernel), axis=others))


def float_weights(layer: keras.Layer) -> list[np.ndarray]:
    """Returns the weights of a layer's float form, for the input that the layer gets."""
    weights: list[np.ndarray] = layer.get_weights()
    if type(layer) not in _CHANNEL_AXES:
        return weights
    return [np.asarray(layer.divided_kernel()), *weights[1:]]


def rounded_weights(layer: keras.Layer) -> list[np.ndarray]:
    """Returns the weights of a layer as it computes with them, its kernel on the int8 grid.

    The largest weight of a range is exactly as it was, so that the same grid is found again.
    """
    weights: list[np.ndarray] = layer.get_weights()
    if type(layer) not in _CHANNEL_AXES:
        return weights
    kernel = np.asarray(layer.rounded_kernel(), np.float64)
    axes = _CHANNEL_AXES[type(layer)]
    others = tuple(axis for axis in range(kernel.ndim) if axis not in axes)
    exact = np.asarray(layer.divided_kernel())
    step = np.max(np.abs(exact), axis=others, keepdims=True).astype(np.float64) / _LARGEST
    steps = np.round(np.divide(kernel, step, out=np.zeros_like(kernel), where=step > 0))
    return [(steps * step).astype(np.float32), *weights[1:]]
