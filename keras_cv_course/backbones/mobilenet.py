"""MobileNet: depthwise-separable convolutions."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import SeparableRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.separable import full_conv_block, separable_block
from keras_cv_course.names import STEM

_STEM_FILTERS = 32
# Table 1, arXiv:1704.04861, rows of equal width taken together. The last depthwise convolution
# has stride 1: the paper's "s2" contradicts its own sizes.
MOBILENET = (
    SeparableRow(64),
    SeparableRow(128, repeats=2, strides=2),
    SeparableRow(256, repeats=2, strides=2),
    SeparableRow(512, repeats=6, strides=2),
    SeparableRow(1024, repeats=2, strides=2),
)


@classifier_builder
def MobileNet(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout_rate: float = 1e-3,
    separable: bool = True,
    activation: str = "relu6",
    depth_coefficient: float = 1.0,
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a MobileNet, for images as floats in [-1, 1] (`x / 127.5 - 1`), RGB.

    Preprocessing is not inside. Variables are those of `keras.applications.MobileNet`, in the
    same order; "imagenet" has weights for `alpha` 0.25, 0.5, 0.75 and 1. Feature maps have strides
    2 to 32; height and width are at least 32, and multiples of 32 lose no pixels at the border.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        alpha: Width multiplier: factor of the number of filters, rounded down.
        depth_multiplier: Channels of a depthwise convolution for each of its input.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        separable: False puts one full 3x3 convolution in the place of each depthwise and
            pointwise pair: the network that the paper compares with.
        activation: "relu6" as in keras.applications, or "relu" as in the paper.
        depth_coefficient: Factor of the number of blocks of each width, rounded up.
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99, as in
            keras.applications. Small data wants less, e.g. 0.9.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = MobileNet(input_shape=(96, 96, 3), alpha=0.25, classes=2)
        >>> model.output_shape
        (None, 2)

    Reference:
        MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications,
        arXiv:1704.04861, table 1; `separable=False` is table 4's "Conv MobileNet".
    """
    _check(alpha, depth_coefficient, depth_multiplier, separable)
    build = options_of("mobilenet", input_shape, options)
    head = Head(dropout_rate)
    style = ConvStyle(activation, 0.99 if batch_norm_momentum is None else batch_norm_momentum)
    image = make_input(build)
    x = conv_bn_activation(image, int(_STEM_FILTERS * alpha), 3, style, STEM, strides=2)
    for block in blocks(MOBILENET, depth_coefficient, output_stride):
        filters = int(block.row.filters * alpha)
        place = block.name, block.strides
        if separable:
            x = separable_block(
                x, filters, style, *place, depth_multiplier, dilation_rate=block.dilation
            )
        else:
            x = full_conv_block(x, filters, style, *place, dilation_rate=block.dilation)
    imagenet = _imagenet(alpha, depth_multiplier, separable, depth_coefficient)
    return finish(x, image, build, head, imagenet)


def _check(alpha: float, depth_coefficient: float, depth_multiplier: int, separable: bool) -> None:
    check_positive("alpha", alpha)
    check_positive("depth_coefficient", depth_coefficient)
    if int(_STEM_FILTERS * alpha) < 1:
        raise ValueError(
            f"`alpha` must leave at least one of {_STEM_FILTERS} filters. Received: {alpha}. "
            f"Smallest: {1 / _STEM_FILTERS}."
        )
    check_whole("depth_multiplier", depth_multiplier)
    if not separable and depth_multiplier != 1:
        raise ValueError(
            "`depth_multiplier` is for depthwise convolutions, which `separable=False` has none "
            f"of. Received: {depth_multiplier}. Leave it out."
        )


def _imagenet(
    alpha: float, depth_multiplier: int, separable: bool, depth_coefficient: float
) -> ImageNet:
    if alpha in (0.25, 0.5, 0.75, 1.0) and separable and depth_multiplier == depth_coefficient == 1:
        return ImageNet("MobileNet", {"alpha": alpha}, (128, 160, 192, 224))
    return ImageNet(
        unavailable="keras.applications has MobileNet with `alpha` 0.25, 0.5, 0.75 or 1, "
        "separable, at its plain depth."
    )
