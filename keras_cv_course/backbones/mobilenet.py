"""MobileNet: depthwise-separable convolutions."""

import os
from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.backbones._build import BuildOptions, Head, finish, make_input
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.separable import full_conv_block, separable_block
from keras_cv_course.ops.scaling import round_repeats
from keras_cv_course.registry import MODELS


@dataclass(frozen=True)
class _Stage:
    filters: int
    strides: int
    repeats: int


_STEM_FILTERS = 32
# Table 1, arXiv:1704.04861, rows of equal width taken together. The last depthwise convolution
# has stride 1: the paper's "s2" contradicts its own sizes.
_STAGES = (
    _Stage(64, 1, 1),
    _Stage(128, 2, 2),
    _Stage(256, 2, 2),
    _Stage(512, 2, 6),
    _Stage(1024, 2, 2),
)


def MobileNet(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout_rate: float = 1e-3,
    separable: bool = True,
    activation: str = "relu6",
    depth_coefficient: float = 1.0,
    batch_norm_momentum: float | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Returns a MobileNet, for pictures as floats in [-1, 1] (`x / 127.5 - 1`), RGB.

    Preprocessing is not inside. Variables are those of `keras.applications.MobileNet`, in the
    same order. Feature maps have strides 2 to 32; height and width are at least 32, and multiples
    of 32 lose no pixels at the border.

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
        include_top: Whether the classifier is built.
        weights: None for fresh ones, "imagenet" for those of keras.applications (`alpha` 0.25,
            0.5, 0.75 or 1; downloaded and verified by Keras), or the path of a weights file or
            saved model of keras.applications or of this package. If the file has another number
            of classes, the classifier alone starts fresh. Biased convolutions before batch
            normalization are taken in.
        input_tensor: Keras tensor (batch, height, width, channels) to build on.
        pooling: "avg" or "max" for a vector (batch, channels), None for the last feature map;
            only without the classifier.
        classes: Size of the classifier.
        classifier_activation: "softmax", another activation, or None for logits.
        name: Name of the model; "mobilenet" when None.

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
    options = BuildOptions(
        MODELS["mobilenet"].size_px,
        input_shape,
        include_top,
        weights,
        input_tensor,
        pooling,
        classes,
        classifier_activation,
        name or "mobilenet",
    )
    head = Head(dropout_rate, convolutional=True)
    style = ConvStyle(activation, 0.99 if batch_norm_momentum is None else batch_norm_momentum)
    image = make_input(options, MODELS["mobilenet"].input_range)
    x = conv_bn_activation(image, int(_STEM_FILTERS * alpha), 3, style, "stem", strides=2)
    for s, stage in enumerate(_STAGES, 1):
        filters = int(stage.filters * alpha)
        for b in range(1, round_repeats(stage.repeats, depth_coefficient) + 1):
            strides = stage.strides if b == 1 else 1
            block = f"stage{s}_block{b}"
            if separable:
                x = separable_block(x, filters, style, block, strides, depth_multiplier)
            else:
                x = full_conv_block(x, filters, style, block, strides)
    imagenet = _imagenet(alpha, depth_multiplier, separable, depth_coefficient)
    return finish(x, image, options, head, imagenet)


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
