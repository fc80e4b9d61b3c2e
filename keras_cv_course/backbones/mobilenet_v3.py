"""MobileNetV3: inverted residuals with squeeze-and-excitation and hard-swish, found by search."""

import itertools
from dataclasses import dataclass, replace
from typing import Unpack

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import (
    BuildOptions,
    ClassifierOptions,
    classifier_builder,
    options_of,
)
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import Block, InvertedResidualRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite
from keras_cv_course.names import STEM, TOP
from keras_cv_course.ops.scaling import make_divisible, round_filters
from keras_cv_course.registry import MODELS


@dataclass(frozen=True)
class Variant:
    """One of the two networks.

    Attributes:
        model: Name in the registry.
        rows: Blocks; those of one width are a stage.
        hidden_filters: Size of the layer before the classifier.
        activation: Name of the activation outside the blocks.
    """

    model: str
    rows: tuple[InvertedResidualRow, ...]
    hidden_filters: int
    activation: str = "hard_swish"


_RE, _HS = "relu", "hard_swish"
_STEM_FILTERS = 16


def _rows(*lines: tuple[int, int, int, bool, str, int]) -> tuple[InvertedResidualRow, ...]:
    """Returns the rows of the paper's tables, which print the expanded size and not its ratio."""
    inputs = (_STEM_FILTERS, *(line[2] for line in lines))
    return tuple(
        InvertedResidualRow(filters, expanded / before, kernel_size, squeeze, act, strides=strides)
        for before, (kernel_size, expanded, filters, squeeze, act, strides) in zip(
            inputs, lines, strict=False
        )
    )


# Table 1, arXiv:1905.02244: kernel size, expanded size, output, squeeze, activation, stride.
LARGE = Variant(
    "mobilenet_v3_large",
    _rows(
        (3, 16, 16, False, _RE, 1),
        (3, 64, 24, False, _RE, 2),
        (3, 72, 24, False, _RE, 1),
        (5, 72, 40, True, _RE, 2),
        (5, 120, 40, True, _RE, 1),
        (5, 120, 40, True, _RE, 1),
        (3, 240, 80, False, _HS, 2),
        (3, 200, 80, False, _HS, 1),
        (3, 184, 80, False, _HS, 1),
        (3, 184, 80, False, _HS, 1),
        (3, 480, 112, True, _HS, 1),
        (3, 672, 112, True, _HS, 1),
        (5, 672, 160, True, _HS, 2),
        (5, 960, 160, True, _HS, 1),
        (5, 960, 160, True, _HS, 1),
    ),
    1280,
)
# Table 2, arXiv:1905.02244.
SMALL = Variant(
    "mobilenet_v3_small",
    _rows(
        (3, 16, 16, True, _RE, 2),
        (3, 72, 24, False, _RE, 2),
        (3, 88, 24, False, _RE, 1),
        (5, 96, 40, True, _HS, 2),
        (5, 240, 40, True, _HS, 1),
        (5, 240, 40, True, _HS, 1),
        (5, 120, 48, True, _HS, 1),
        (5, 144, 48, True, _HS, 1),
        (5, 288, 96, True, _HS, 2),
        (5, 576, 96, True, _HS, 1),
        (5, 576, 96, True, _HS, 1),
    ),
    1024,
)


@classifier_builder
def MobileNetV3Small(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_coefficient: float = 1.0,
    minimalistic: bool = False,
    reduced_tail: bool = False,
    dropout_rate: float = 0.2,
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a MobileNetV3-Small, for images as pixel values in [0, 255], RGB.

    Preprocessing is inside. Variables are those of `keras.applications.MobileNetV3Small`, in the
    same order; "imagenet" has weights for `alpha` 0.75 and 1, minimalistic for 1. Feature maps have
    strides 2 to 32; height and width are at least 32, and multiples of 32 lose no pixels at the
    border.

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
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

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
    build = options_of(SMALL.model, input_shape, options)
    variant = _variant(SMALL, minimalistic, reduced_tail)
    momentum = 0.999 if batch_norm_momentum is None else batch_norm_momentum
    style = ConvStyle(variant.activation, momentum)
    return _build(variant, build, style, alpha, depth_coefficient, dropout_rate, output_stride)


@classifier_builder
def MobileNetV3Large(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_coefficient: float = 1.0,
    minimalistic: bool = False,
    reduced_tail: bool = False,
    dropout_rate: float = 0.2,
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a MobileNetV3-Large, for images as pixel values in [0, 255], RGB.

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
    build = options_of(LARGE.model, input_shape, options)
    variant = _variant(LARGE, minimalistic, reduced_tail)
    momentum = 0.999 if batch_norm_momentum is None else batch_norm_momentum
    style = ConvStyle(variant.activation, momentum)
    return _build(variant, build, style, alpha, depth_coefficient, dropout_rate, output_stride)


def _variant(variant: Variant, minimalistic: bool, reduced_tail: bool) -> Variant:
    if minimalistic:
        simple = (replace(r, kernel_size=3, squeeze=False, activation=_RE) for r in variant.rows)
        variant = replace(variant, rows=tuple(simple), activation=_RE)
    if reduced_tail:  # Half as many channels from the last stride on.
        last = max(i for i, row in enumerate(variant.rows) if row.strides == 2)
        halved = (replace(row, filters=row.filters // 2) for row in variant.rows[last:])
        rows = (*variant.rows[:last], *halved)
        variant = replace(variant, rows=rows, hidden_filters=variant.hidden_filters // 2)
    return variant


def _build(
    variant: Variant,
    options: BuildOptions,
    style: ConvStyle,
    alpha: float,
    depth_coefficient: float,
    dropout_rate: float,
    output_stride: int,
) -> keras.Model:
    check_positive("alpha", alpha)
    check_positive("depth_coefficient", depth_coefficient)
    hidden_filters = round_filters(variant.hidden_filters, max(alpha, 1.0))
    head = Head(dropout_rate, (hidden_filters,), style.activation)
    image = make_input(options)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name=f"{STEM}_rescaling")(image)
    x = conv_bn_activation(x, _STEM_FILTERS, 3, style, STEM, strides=2)
    stages = [list(rows) for _, rows in itertools.groupby(variant.rows, lambda row: row.filters)]
    for block in blocks(stages, depth_coefficient, output_stride):
        x = _bneck(x, block, style, alpha)
    x = conv_bn_activation(x, make_divisible(6 * x.shape[-1]), 1, style, TOP)
    imagenet = _imagenet(variant, alpha, depth_coefficient)
    return finish(x, image, options, head, imagenet)


def _bneck(
    x: KerasTensor, block: Block[InvertedResidualRow], style: ConvStyle, alpha: float
) -> KerasTensor:
    row = block.row
    expanded = make_divisible(x.shape[-1] * row.expand_ratio)
    squeeze = SqueezeExcite(make_divisible(expanded / 4), _RE, "hard_sigmoid")
    return inverted_residual(
        x,
        round_filters(row.filters, alpha),
        expanded,
        row.kernel_size,
        replace(style, activation=row.activation or style.activation),
        block.name,
        block.strides,
        squeeze if row.squeeze else None,
        dilation_rate=block.dilation,
        shortcut=block.shortcut,
    )


def _imagenet(variant: Variant, alpha: float, depth_coefficient: float) -> ImageNet:
    minimalistic = variant.activation == _RE
    builder = MODELS[variant.model].builder
    plain = variant.hidden_filters in (LARGE.hidden_filters, SMALL.hidden_filters)
    if plain and alpha in ((1.0,) if minimalistic else (0.75, 1.0)) and depth_coefficient == 1:
        return ImageNet(builder, {"alpha": float(alpha), "minimalistic": minimalistic}, (224,))
    return ImageNet(
        unavailable=f"keras.applications has {builder} with `alpha` 0.75 or 1, and with "
        "`minimalistic=True` and `alpha` 1, at its plain depth and with its whole tail."
    )
