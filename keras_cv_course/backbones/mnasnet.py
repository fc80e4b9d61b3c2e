"""MnasNet: the networks that a search by latency on a phone has found."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_positive, check_rate
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import InvertedResidualRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite
from keras_cv_course.blocks.stem_normalization import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    stem_normalization,
)
from keras_cv_course.names import STEM, TOP
from keras_cv_course.ops.scaling import round_filters

_STEM_FILTERS = 32
_TOP_FILTERS = 1280
_SQUEEZE_RATIO = 0.25
_UNAVAILABLE = ImageNet(unavailable="keras.applications has no MnasNet.")
# The authors' repository (tensorflow/tpu, models/official/mnasnet).
MNASNET_B1 = (
    InvertedResidualRow(16, 1),
    InvertedResidualRow(24, 3, repeats=3, strides=2),
    InvertedResidualRow(40, 3, 5, repeats=3, strides=2),
    InvertedResidualRow(80, 6, 5, repeats=3, strides=2),
    InvertedResidualRow(96, 6, repeats=2),
    InvertedResidualRow(192, 6, 5, repeats=4, strides=2),
    InvertedResidualRow(320, 6),
)
# Figure 7, arXiv:1807.11626.
MNASNET_A1 = (
    InvertedResidualRow(16, 1),
    InvertedResidualRow(24, 6, repeats=2, strides=2),
    InvertedResidualRow(40, 3, 5, squeeze=True, repeats=3, strides=2),
    InvertedResidualRow(80, 6, repeats=4, strides=2),
    InvertedResidualRow(112, 6, squeeze=True, repeats=2),
    InvertedResidualRow(160, 6, 5, squeeze=True, repeats=3, strides=2),
    InvertedResidualRow(320, 6),
)


@classifier_builder
def MnasNet(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[InvertedResidualRow, ...] = MNASNET_B1,
    alpha: float = 1.0,
    dropout_rate: float = 0.2,
    drop_connect_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a MnasNet of any rows, for images as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of ImageNet is subtracted, and its deviation divided by.
    Feature maps have strides 2 to 32; height and width are at least 32, and multiples of 32 lose no
    pixels at the border.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        rows: The stages, e.g. `MNASNET_A1`.
        alpha: Width multiplier: factor of the number of filters, rounded to a multiple of 8; that
            of the last convolution stays.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.

    Example:
        >>> MnasNetB1(input_shape=(96, 96, 3), alpha=0.5, classes=10).output_shape
        (None, 10)

    Reference:
        MnasNet: Platform-Aware Neural Architecture Search for Mobile, arXiv:1807.11626, figure 7.
    """
    check_positive("alpha", alpha)
    check_rate("drop_connect_rate", drop_connect_rate)
    named: ClassifierOptions = {**options, "name": options.get("name") or "mnasnet"}
    build = options_of("mnasnet_b1", input_shape, named)
    momentum = 0.99 if batch_norm_momentum is None else batch_norm_momentum
    style = ConvStyle(activation, momentum, "he_normal")
    image = make_input(build)
    x = stem_normalization(image, IMAGENET_MEAN, IMAGENET_DEVIATION)
    x = conv_bn_activation(x, round_filters(_STEM_FILTERS, alpha), 3, style, STEM, 2)
    for block in blocks(rows, 1.0, output_stride):
        row, channels = block.row, x.shape[-1]
        squeezed = max(1, int(_SQUEEZE_RATIO * channels))
        x = inverted_residual(
            x,
            round_filters(row.filters, alpha),
            int(row.expand_ratio * channels),
            row.kernel_size,
            style,
            block.name,
            block.strides,
            SqueezeExcite(squeezed, activation, "sigmoid") if row.squeeze else None,
            drop_connect_rate * block.index / block.count,
            block.dilation,
            block.shortcut,
        )
    x = conv_bn_activation(x, _TOP_FILTERS, 1, style, TOP)
    return finish(x, image, build, Head(dropout_rate), _UNAVAILABLE)


MnasNetB1 = published(
    MnasNet, "mnasnet_b1", "MnasNet-B1, without squeeze-and-excitation", rows=MNASNET_B1
)
MnasNetA1 = published(
    MnasNet, "mnasnet_a1", "MnasNet-A1, with squeeze-and-excitation", rows=MNASNET_A1
)
