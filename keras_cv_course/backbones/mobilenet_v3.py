"""MobileNetV3: inverted residuals with squeeze-and-excitation and hard-swish, found by search."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import BuildOptions, Head, finish, make_input
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite
from keras_cv_course.ops.scaling import make_divisible, round_filters, round_repeats
from keras_cv_course.registry import MODELS


@dataclass(frozen=True)
class _Row:
    kernel_size: int
    expanded_filters: int
    filters: int
    squeeze: bool
    activation: str
    strides: int


@dataclass(frozen=True)
class _Block:
    row: _Row
    expand_ratio: float
    strides: int
    name: str


@dataclass(frozen=True)
class _Variant:
    model: str
    builder: str
    rows: tuple[_Row, ...]
    hidden_filters: int


_RE, _HS = "relu", "hard_swish"
_STEM_FILTERS = 16
# Table 1, arXiv:1905.02244.
_LARGE = _Variant(
    "mobilenet_v3_large",
    "MobileNetV3Large",
    (
        _Row(3, 16, 16, False, _RE, 1),
        _Row(3, 64, 24, False, _RE, 2),
        _Row(3, 72, 24, False, _RE, 1),
        _Row(5, 72, 40, True, _RE, 2),
        _Row(5, 120, 40, True, _RE, 1),
        _Row(5, 120, 40, True, _RE, 1),
        _Row(3, 240, 80, False, _HS, 2),
        _Row(3, 200, 80, False, _HS, 1),
        _Row(3, 184, 80, False, _HS, 1),
        _Row(3, 184, 80, False, _HS, 1),
        _Row(3, 480, 112, True, _HS, 1),
        _Row(3, 672, 112, True, _HS, 1),
        _Row(5, 672, 160, True, _HS, 2),
        _Row(5, 960, 160, True, _HS, 1),
        _Row(5, 960, 160, True, _HS, 1),
    ),
    1280,
)
# Table 2, arXiv:1905.02244.
_SMALL = _Variant(
    "mobilenet_v3_small",
    "MobileNetV3Small",
    (
        _Row(3, 16, 16, True, _RE, 2),
        _Row(3, 72, 24, False, _RE, 2),
        _Row(3, 88, 24, False, _RE, 1),
        _Row(5, 96, 40, True, _HS, 2),
        _Row(5, 240, 40, True, _HS, 1),
        _Row(5, 240, 40, True, _HS, 1),
        _Row(5, 120, 48, True, _HS, 1),
        _Row(5, 144, 48, True, _HS, 1),
        _Row(5, 288, 96, True, _HS, 2),
        _Row(5, 576, 96, True, _HS, 1),
        _Row(5, 576, 96, True, _HS, 1),
    ),
    1024,
)


def MobileNetV3Small(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_coefficient: float = 1.0,
    minimalistic: bool = False,
    reduced_tail: bool = False,
    dropout_rate: float = 0.2,
    batch_norm_momentum: float | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Returns a MobileNetV3-Small, for pictures as pixel values in [0, 255], RGB.

    Preprocessing is inside. Variables are those of `keras.applications.MobileNetV3Small`, in the
    same order. Feature maps have strides 2 to 32; height and width are at least 32, and multiples
    of 32 lose no pixels at the border.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        alpha: Width multiplier: factor of the number of filters, made divisible by 8. The first
            convolution stays; the last but one layer grows with it and does not shrink.
        depth_coefficient: Factor of the number of blocks of each width, rounded up; what is added
            repeats the last block of that width.
        minimalistic: Whether to do without 5x5 convolutions, squeeze-and-excitation and
            hard-swish, for devices that are slow at them.
        reduced_tail: Whether the blocks of stride 32, and what follows, have half as many
            channels, as for detectors in section 6.3 of the paper.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.999, as in
            keras.applications, which takes thousands of steps to settle: use 0.9 to 0.99 when
            training on little data.
        include_top: Whether the classifier is built.
        weights: None for fresh ones, "imagenet" for those of keras.applications (`alpha` 0.75 or
            1, minimalistic 1; downloaded and verified by Keras), or the path of a weights file or
            saved model of keras.applications or of this package. If the file has another number
            of classes, the last layer alone starts fresh.
        input_tensor: Keras tensor (batch, height, width, channels) to build on.
        pooling: "avg" or "max" for a vector (batch, channels), None for the last feature map;
            only without the classifier.
        classes: Size of the classifier.
        classifier_activation: "softmax", another activation, or None for logits.
        name: Name of the model; "mobilenet_v3_small" when None.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = MobileNetV3Small(input_shape=(96, 96, 3), alpha=0.75, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        Searching for MobileNetV3, arXiv:1905.02244, table 2. As in keras.applications the
        minimalistic variant, of the authors' repository, is not in the paper.
    """
    options = BuildOptions(
        MODELS[_SMALL.model].size_px,
        input_shape,
        include_top,
        weights,
        input_tensor,
        pooling,
        classes,
        classifier_activation,
        name or _SMALL.model,
    )
    style = ConvStyle(_HS, 0.999 if batch_norm_momentum is None else batch_norm_momentum)
    variant = _with_reduced_tail(_SMALL) if reduced_tail else _SMALL
    return _build(variant, options, style, alpha, depth_coefficient, minimalistic, dropout_rate)


def MobileNetV3Large(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_coefficient: float = 1.0,
    minimalistic: bool = False,
    reduced_tail: bool = False,
    dropout_rate: float = 0.2,
    batch_norm_momentum: float | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Returns a MobileNetV3-Large, for pictures as pixel values in [0, 255], RGB.

    Takes what `MobileNetV3Small` takes, with the same meaning, and raises the same errors.
    Preprocessing is inside. Variables are those of `keras.applications.MobileNetV3Large`, in the
    same order.

    Example:
        >>> model = MobileNetV3Large(include_top=False, pooling="avg")
        >>> model.output_shape
        (None, 960)

    Reference:
        Searching for MobileNetV3, arXiv:1905.02244, table 1.
    """
    options = BuildOptions(
        MODELS[_LARGE.model].size_px,
        input_shape,
        include_top,
        weights,
        input_tensor,
        pooling,
        classes,
        classifier_activation,
        name or _LARGE.model,
    )
    style = ConvStyle(_HS, 0.999 if batch_norm_momentum is None else batch_norm_momentum)
    variant = _with_reduced_tail(_LARGE) if reduced_tail else _LARGE
    return _build(variant, options, style, alpha, depth_coefficient, minimalistic, dropout_rate)


def _with_reduced_tail(variant: _Variant) -> _Variant:
    """Returns half as many channels from the last stride on; what is expanded to go there stays."""
    last = max(i for i, row in enumerate(variant.rows) if row.strides == 2)
    rows = list(variant.rows)
    for i in range(last, len(rows)):
        expanded = rows[i].expanded_filters // (1 if i == last else 2)
        rows[i] = replace(rows[i], filters=rows[i].filters // 2, expanded_filters=expanded)
    return replace(variant, rows=tuple(rows), hidden_filters=variant.hidden_filters // 2)


def _build(
    variant: _Variant,
    options: BuildOptions,
    style: ConvStyle,
    alpha: float,
    depth_coefficient: float,
    minimalistic: bool,
    dropout_rate: float,
) -> keras.Model:
    check_positive("alpha", alpha)
    check_positive("depth_coefficient", depth_coefficient)
    if minimalistic:
        rows = (replace(r, kernel_size=3, squeeze=False, activation=_RE) for r in variant.rows)
        variant = replace(variant, rows=tuple(rows))
        style = replace(style, activation=_RE)
    head = Head(
        dropout_rate,
        convolutional=True,
        hidden_filters=round_filters(variant.hidden_filters, max(alpha, 1.0)),
        hidden_activation=style.activation,
    )
    image = make_input(options, MODELS[variant.model].input_range)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="stem_rescaling")(image)
    x = conv_bn_activation(x, _STEM_FILTERS, 3, style, "stem", strides=2)
    for block in _blocks(variant.rows, depth_coefficient):
        x = _bneck(x, block, replace(style, activation=block.row.activation), alpha)
    x = conv_bn_activation(x, make_divisible(6 * x.shape[-1]), 1, style, "top")
    imagenet = _imagenet(variant, alpha, depth_coefficient, minimalistic)
    return finish(x, image, options, head, imagenet)


def _blocks(rows: tuple[_Row, ...], depth_coefficient: float) -> Iterator[_Block]:
    """Yields the table's blocks, a stage for each width, shortened or extended to its depth."""
    inputs = (_STEM_FILTERS, *(row.filters for row in rows))
    ratios = [row.expanded_filters / filters for row, filters in zip(rows, inputs, strict=False)]
    table = itertools.groupby(zip(rows, ratios, strict=True), lambda pair: pair[0].filters)
    for s, (_, members) in enumerate(table, 1):
        stage = list(members)
        for b in range(round_repeats(len(stage), depth_coefficient)):
            row, ratio = stage[min(b, len(stage) - 1)]
            strides = row.strides if b < len(stage) else 1
            yield _Block(row, ratio, strides, f"stage{s}_block{b + 1}")


def _bneck(x: KerasTensor, block: _Block, style: ConvStyle, alpha: float) -> KerasTensor:
    row = block.row
    expanded = make_divisible(x.shape[-1] * block.expand_ratio)
    squeeze = SqueezeExcite(make_divisible(expanded / 4), _RE, "hard_sigmoid")
    return inverted_residual(
        x,
        round_filters(row.filters, alpha),
        expanded,
        row.kernel_size,
        style,
        block.name,
        block.strides,
        squeeze if row.squeeze else None,
    )


def _imagenet(
    variant: _Variant, alpha: float, depth_coefficient: float, minimalistic: bool
) -> ImageNet:
    plain = variant.hidden_filters in (_LARGE.hidden_filters, _SMALL.hidden_filters)
    if plain and alpha in ((1.0,) if minimalistic else (0.75, 1.0)) and depth_coefficient == 1:
        options = {"alpha": float(alpha), "minimalistic": minimalistic}
        return ImageNet(variant.builder, options, (224,))
    return ImageNet(
        unavailable=f"keras.applications has {variant.builder} with `alpha` 0.75 or 1, and with "
        "`minimalistic=True` and `alpha` 1, at its plain depth and with its whole tail."
    )
