"""Inception V3, whose modules factor large windows into small and one-dimensional ones."""

from dataclasses import replace
from typing import Unpack

import keras

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._residual import restyled, scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.blocks.inception import (
    Branch,
    Conv,
    Pool,
    Split,
    Step,
    inception_module,
    run_steps,
)
from keras_cv_course.names import STEM, block_name

Module = tuple[Branch, ...]


def _down(filters: int) -> Conv:
    """A 3x3 convolution that halves the map."""
    return Conv(filters, (3, 3), 2, "valid")


_POOL_DOWN = (Pool("max", 2, "valid"),)


def _figure5(pool_filters: int) -> Module:
    """Figure 5, the 5x5 of whose branches the released network keeps."""
    return (
        (Conv(64),),
        (Conv(48), Conv(64, (5, 5))),
        (Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))),
        (Pool("avg"), Conv(pool_filters)),
    )


def _figure6(filters: int) -> Module:
    """Figure 6: 7x7 windows as 1x7 and 7x1."""
    tall, wide = Conv(filters, (7, 1)), Conv(filters, (1, 7))
    return (
        (Conv(192),),
        (Conv(filters), wide, Conv(192, (7, 1))),
        (Conv(filters), tall, wide, tall, Conv(192, (1, 7))),
        (Pool("avg"), Conv(192)),
    )


_ENDS = Split(((Conv(384, (1, 3)),), (Conv(384, (3, 1)),)))
# Figure 7: 3x3 windows as 1x3 beside 3x1, for the coarsest maps.
_FIGURE7: Module = (
    (Conv(320),),
    (Conv(384), _ENDS),
    (Conv(448), Conv(384, (3, 3)), _ENDS),
    (Pool("avg"), Conv(192)),
)

INCEPTION_V3_STEM: Branch = (
    _down(32),
    Conv(32, (3, 3), padding="valid"),
    Conv(64, (3, 3)),
    Pool("max", 2, "valid"),
    Conv(80),
    Conv(192, (3, 3), padding="valid"),
    Pool("max", 2, "valid"),
)
# Table 1, arXiv:1512.00567, with the filters of the released network: the modules of each stage.
INCEPTION_V3: tuple[tuple[Module, ...], ...] = (
    (_figure5(32), _figure5(64), _figure5(64)),
    (
        (
            (_down(384),),
            (Conv(64), Conv(96, (3, 3)), _down(96)),
            _POOL_DOWN,
        ),
        _figure6(128),
        _figure6(160),
        _figure6(160),
        _figure6(192),
    ),
    (
        (
            (Conv(192), _down(320)),
            (Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), _down(192)),
            _POOL_DOWN,
        ),
        _FIGURE7,
        _FIGURE7,
    ),
)

_STYLE = ConvStyle("relu", batch_norm_scale=False)


@classifier_builder
def InceptionV3(
    input_shape: tuple[int | None, ...] | None = None,
    modules: tuple[tuple[Module, ...], ...] = INCEPTION_V3,
    alpha: float = 1.0,
    dropout_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns an Inception V3, for images of 299 pixels by default, as floats in [-1, 1], RGB.

    Variables are those of keras.applications' InceptionV3, in the same order. Windows with a step
    have no padding; height and width are at least 75.

    Args:
        input_shape: (height, width, channels). (299, 299, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        modules: Those of each stage, whose first one has a step from the second stage on.
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
        >>> model = InceptionV3(input_shape=(75, 75, 3), alpha=0.125, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567, table 1 and
        figures 5 to 7; without the auxiliary classifier, as keras.applications has it.
    """
    check_positive("alpha", alpha)
    build = options_of("inception_v3", input_shape, options)
    style = restyled(_STYLE, activation, batch_norm_momentum)
    image = make_input(build)
    x = run_steps(image, _narrowed(INCEPTION_V3_STEM, alpha), style, STEM)
    for s, stage in enumerate(modules, 1):
        for b, module in enumerate(stage, 1):
            branches = tuple(_narrowed(branch, alpha) for branch in module)
            x = inception_module(x, branches, style, block_name(s, b))
    return finish(x, image, build, Head(dropout_rate), _imagenet(modules, alpha))


def _narrowed(branch: Branch, alpha: float) -> Branch:
    """Returns a branch with `alpha` times as many channels."""

    def step_of(step: Step) -> Step:
        if isinstance(step, Split):
            return Split(tuple(_narrowed(inner, alpha) for inner in step.branches))
        if isinstance(step, Conv):
            return replace(step, filters=scaled(step.filters, alpha))
        return step

    return tuple(map(step_of, branch))


def _imagenet(modules: tuple[tuple[Module, ...], ...], alpha: float) -> ImageNet:
    if modules != INCEPTION_V3 or alpha != 1:
        return ImageNet(unavailable="keras.applications has that of `INCEPTION_V3` at `alpha=1`.")
    return ImageNet("InceptionV3")
