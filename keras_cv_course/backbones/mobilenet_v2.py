"""MobileNetV2: inverted residuals with linear bottlenecks."""

import os
from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import BuildOptions, Head, finish, make_input
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.ops.scaling import make_divisible, round_filters, round_repeats
from keras_cv_course.registry import MODELS


@dataclass(frozen=True)
class _Stage:
    expand_ratio: int
    filters: int
    repeats: int
    strides: int


_STEM_FILTERS = 32
_TOP_FILTERS = 1280
# Table 2, arXiv:1801.04381.
_STAGES = (
    _Stage(1, 16, 1, 1),
    _Stage(6, 24, 2, 2),
    _Stage(6, 32, 3, 2),
    _Stage(6, 64, 4, 2),
    _Stage(6, 96, 3, 1),
    _Stage(6, 160, 3, 2),
    _Stage(6, 320, 1, 1),
)
_IMAGENET_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


def MobileNetV2(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_coefficient: float = 1.0,
    dropout_rate: float = 0.0,
    activation: str = "relu6",
    batch_norm_momentum: float | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Returns a MobileNetV2, for pictures as floats in [-1, 1] (`x / 127.5 - 1`), RGB.

    Preprocessing is not inside. Variables are those of `keras.applications.MobileNetV2`, in the
    same order. Feature maps have strides 2 to 32; height and width are at least 32, and multiples
    of 32 lose no pixels at the border.

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
        include_top: Whether the classifier is built.
        weights: None for fresh ones, "imagenet" for those of keras.applications (`alpha` 0.35,
            0.5, 0.75, 1, 1.3 or 1.4; downloaded and verified by Keras), or the path of a weights
            file or saved model of keras.applications or of this package. If the file has another
            number of classes, the classifier alone starts fresh.
        input_tensor: Keras tensor (batch, height, width, channels) to build on.
        pooling: "avg" or "max" for a vector (batch, channels), None for the last feature map;
            only without the classifier.
        classes: Size of the classifier.
        classifier_activation: "softmax", another activation, or None for logits.
        name: Name of the model; "mobilenet_v2" when None.

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
    options = BuildOptions(
        MODELS["mobilenet_v2"].size_px,
        input_shape,
        include_top,
        weights,
        input_tensor,
        pooling,
        classes,
        classifier_activation,
        name or "mobilenet_v2",
    )
    head = Head(dropout_rate, convolutional=False)
    style = ConvStyle(activation, 0.999 if batch_norm_momentum is None else batch_norm_momentum)
    image = make_input(options, MODELS["mobilenet_v2"].input_range)
    stem_filters = round_filters(_STEM_FILTERS, alpha)
    x = conv_bn_activation(image, stem_filters, 3, style, "stem", strides=2)
    for s, stage in enumerate(_STAGES, 1):
        # Rounded down first, as keras.applications does.
        filters = make_divisible(int(stage.filters * alpha))
        for b in range(1, round_repeats(stage.repeats, depth_coefficient) + 1):
            expanded = stage.expand_ratio * x.shape[-1]
            strides = stage.strides if b == 1 else 1
            x = inverted_residual(x, filters, expanded, 3, style, f"stage{s}_block{b}", strides)
    x = conv_bn_activation(x, round_filters(_TOP_FILTERS, max(alpha, 1.0)), 1, style, "top")
    return finish(x, image, options, head, _imagenet(alpha, depth_coefficient))


def _imagenet(alpha: float, depth_coefficient: float) -> ImageNet:
    if alpha in _IMAGENET_ALPHAS and depth_coefficient == 1:
        return ImageNet("MobileNetV2", {"alpha": alpha}, (96, 128, 160, 192, 224))
    return ImageNet(
        unavailable="keras.applications has MobileNetV2 with `alpha` "
        f"{', '.join(map(str, _IMAGENET_ALPHAS))}, at its plain depth."
    )
