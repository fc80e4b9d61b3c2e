"""MobileNetV2: inverted residuals with linear bottlenecks."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import InvertedResidualRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.names import STEM, TOP
from keras_cv_course.ops.scaling import make_divisible, round_filters

_STEM_FILTERS = 32
_TOP_FILTERS = 1280
# Table 2, arXiv:1801.04381.
MOBILENET_V2 = (
    InvertedResidualRow(16, 1),
    InvertedResidualRow(24, 6, repeats=2, strides=2),
    InvertedResidualRow(32, 6, repeats=3, strides=2),
    InvertedResidualRow(64, 6, repeats=4, strides=2),
    InvertedResidualRow(96, 6, repeats=3),
    InvertedResidualRow(160, 6, repeats=3, strides=2),
    InvertedResidualRow(320, 6),
)
_IMAGENET_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


@classifier_builder
def MobileNetV2(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_coefficient: float = 1.0,
    dropout_rate: float = 0.0,
    activation: str = "relu6",
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a MobileNetV2, for images as floats in [-1, 1] (`x / 127.5 - 1`), RGB.

    Preprocessing is not inside. Variables are those of `keras.applications.MobileNetV2`, in the
    same order; "imagenet" has weights for `alpha` 0.35, 0.5, 0.75, 1, 1.3 and 1.4. Feature maps
    have strides 2 to 32; height and width are at least 32, and multiples of 32 lose no pixels at
    the border.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        alpha: Width multiplier: factor of the number of filters, made divisible by 8. The last
            convolution grows with it and does not shrink.
        depth_coefficient: Factor of the number of blocks of each stage, rounded up.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1); none in
            keras.applications.
        activation: "relu6" as in the paper and in keras.applications, or "relu".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.999, as in
            keras.applications, which takes thousands of steps to settle: use 0.9 to 0.99 when
            training on little data.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381, table 2.
    """
    check_positive("alpha", alpha)
    check_positive("depth_coefficient", depth_coefficient)
    build = options_of("mobilenet_v2", input_shape, options)
    head = Head(dropout_rate)
    style = ConvStyle(activation, 0.999 if batch_norm_momentum is None else batch_norm_momentum)
    image = make_input(build)
    stem_filters = round_filters(_STEM_FILTERS, alpha)
    x = conv_bn_activation(image, stem_filters, 3, style, STEM, strides=2)
    for block in blocks(MOBILENET_V2, depth_coefficient, output_stride):
        row = block.row
        x = inverted_residual(
            x,
            make_divisible(int(row.filters * alpha)),  # rounded down as by keras.applications
            int(row.expand_ratio * x.shape[-1]),
            row.kernel_size,
            style,
            block.name,
            block.strides,
            dilation_rate=block.dilation,
            shortcut=block.shortcut,
        )
    x = conv_bn_activation(x, round_filters(_TOP_FILTERS, max(alpha, 1.0)), 1, style, TOP)
    return finish(x, image, build, head, _imagenet(alpha, depth_coefficient))


def _imagenet(alpha: float, depth_coefficient: float) -> ImageNet:
    if alpha in _IMAGENET_ALPHAS and depth_coefficient == 1:
        return ImageNet("MobileNetV2", {"alpha": alpha}, (96, 128, 160, 192, 224))
    return ImageNet(
        unavailable="keras.applications has MobileNetV2 with `alpha` "
        f"{', '.join(map(str, _IMAGENET_ALPHAS))}, at its plain depth."
    )
