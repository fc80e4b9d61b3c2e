"""The block of MobileNetV2, MobileNetV3 and EfficientNet (there called MBConv)."""

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import (
    ConvStyle,
    conv_bn,
    conv_bn_activation,
    depthwise_bn_activation,
)
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite, squeeze_excite


def inverted_residual(
    x: KerasTensor,
    filters: int,
    expanded_filters: int,
    kernel_size: int,
    style: ConvStyle,
    name: str,
    strides: int = 1,
    squeeze: SqueezeExcite | None = None,
    drop_rate: float = 0.0,
    dilation_rate: int = 1,
    shortcut: bool = True,
) -> KerasTensor:
    """Returns `x` widened, filtered channel by channel, and projected without an activation.

    The result is added to `x` when the two have one shape. "same" padding inside the strided
    convolution reads what keras.applications' explicit padding reads, for any size.

    Args:
        x: float tensor (batch, height, width, channels).
        filters: Channels of the result.
        expanded_filters: Channels of the depthwise convolution; the first convolution is left out
            when `x` has as many.
        kernel_size: Size of the depthwise window.
        style: Activation, momentum and initializer.
        name: Prefix of the layers' names, e.g. "stage2_block1".
        strides: Step of the depthwise convolution.
        squeeze: Squeeze-and-excitation after the depthwise convolution, or None.
        drop_rate: Probability with which training skips the block for a whole image, where
            there is an addition (stochastic depth).
        dilation_rate: Distance of the pixels that the depthwise window reads.
        shortcut: False leaves the addition out, as in a block that is dilated instead of strided.

    Reference:
        MobileNetV2, arXiv:1801.04381, table 1; MobileNetV3, arXiv:1905.02244, figure 4;
        stochastic depth, arXiv:1603.09382.
    """
    start = x
    if expanded_filters != x.shape[-1]:
        x = conv_bn_activation(x, expanded_filters, 1, style, f"{name}_expand")
    x = depthwise_bn_activation(
        x, kernel_size, style, f"{name}_depthwise", strides, dilation_rate=dilation_rate
    )
    if squeeze is not None:
        x = squeeze_excite(x, squeeze, f"{name}_se")
    x = conv_bn(x, filters, 1, style, f"{name}_project")
    if shortcut and strides == 1 and filters == start.shape[-1]:
        if drop_rate > 0:
            x = keras.layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
        x = keras.layers.Add(name=f"{name}_add")([start, x])
    return x
