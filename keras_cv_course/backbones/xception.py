"""Xception, residual blocks of separable convolutions."""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._residual import restyled, scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import Block, XceptionRow, blocks
from keras_cv_course.blocks.convolution import (
    ConvStyle,
    activate,
    conv_bn,
    conv_bn_activation,
    normalize,
)
from keras_cv_course.names import STEM, block_name

# Figure 5, arXiv:1610.02357: the entry, middle and exit flow.
XCEPTION = (
    XceptionRow((128, 128), strides=2),
    XceptionRow((256, 256), strides=2),
    XceptionRow((728, 728), strides=2),
    XceptionRow((728, 728, 728), repeats=8),
    XceptionRow((728, 1024), strides=2),
)

_STEM_FILTERS = (32, 64)
_LAST_FILTERS = (1536, 2048)
_STYLE = ConvStyle("relu")


@classifier_builder
def Xception(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[XceptionRow, ...] = XCEPTION,
    alpha: float = 1.0,
    dropout_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns an Xception, for images of 299 pixels by default, as floats in [-1, 1], RGB.

    Variables are those of keras.applications' Xception, in the same order. Feature maps have
    strides 2 to 32; height and width are at least 32.

    Args:
        input_shape: (height, width, channels). (299, 299, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        rows: Residual blocks between the stem and the last two convolutions.
        alpha: Factor of all numbers of channels.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = Xception(input_shape=(64, 64, 3), alpha=0.125, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        Xception: Deep Learning with Depthwise Separable Convolutions, arXiv:1610.02357, figure 5.
    """
    check_positive("alpha", alpha)
    build = options_of("xception", input_shape, options)
    style = restyled(_STYLE, activation, batch_norm_momentum)
    image = make_input(build)
    first, second = (scaled(filters, alpha) for filters in _STEM_FILTERS)
    x = conv_bn_activation(image, first, 3, style, STEM, 2, "valid")
    x = conv_bn_activation(x, second, 3, style, f"{STEM}_second", padding="valid")
    for block in blocks(rows):
        widths = [scaled(filters, alpha) for filters in block.row.filters]
        x = _residual(x, widths, style, block)
    for b, filters in enumerate(_LAST_FILTERS, 1):
        name = block_name(len(rows) + 1, b)
        x = _separable(x, scaled(filters, alpha), style, name)
        x = activate(x, style.activation, f"{name}_activation")
    return finish(x, image, build, Head(dropout_rate), _imagenet(rows, alpha))


def _separable(
    x: KerasTensor, filters: int, style: ConvStyle, name: str, dilation_rate: int = 1
) -> KerasTensor:
    """Returns a 3x3 convolution of each channel, then a 1x1 of all, normalized once."""
    x = keras.layers.SeparableConv2D(
        filters,
        3,
        padding="same",
        dilation_rate=dilation_rate,
        use_bias=False,
        depthwise_initializer=style.kernel_initializer,
        pointwise_initializer=style.kernel_initializer,
        name=f"{name}_separable",
    )(x)
    return normalize(x, style, f"{name}_bn")


def _residual(
    x: KerasTensor, widths: Sequence[int], style: ConvStyle, block: Block[XceptionRow]
) -> KerasTensor:
    """Returns the sum of `x` and separable convolutions of it, each of which is activated before.

    A strided block pools at its end. The input of the first block is activated already.

    Args:
        x: float tensor (batch, height, width, channels).
        widths: Channels of each convolution's result.
        style: Activation, momentum and initializer.
        block: Place, step and dilation.
    """
    name, strides = block.name, block.strides
    shortcut = x
    if strides > 1 or x.shape[-1] != widths[-1]:
        shortcut = conv_bn(x, widths[-1], 1, style, f"{name}_shortcut", strides)
    for i, filters in enumerate(widths, 1):
        if i > 1 or block.index > 0:
            x = activate(x, style.activation, f"{name}_activation{i}")
        x = _separable(x, filters, style, f"{name}_part{i}", block.dilation)
    if strides > 1:
        x = keras.layers.MaxPooling2D(3, strides, "same", name=f"{name}_pool")(x)
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


def _imagenet(rows: tuple[XceptionRow, ...], alpha: float) -> ImageNet:
    if tuple(rows) != XCEPTION or alpha != 1:
        return ImageNet(unavailable="keras.applications has Xception of `XCEPTION` at `alpha=1`.")
    return ImageNet("Xception")
