"""Inception V3 and V4, whose modules factor large windows into small and one-dimensional ones."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._inception import Stages, inception_stages
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._residual import restyled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.blocks.inception import Branch, Conv, Module, Pool, Split


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
INCEPTION_V3: Stages = (
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

_INNER = Conv(96, (3, 3), padding="valid")

# Figure 3, arXiv:1602.07261.
INCEPTION_V4_STEM: Branch = (
    _down(32),
    Conv(32, (3, 3), padding="valid"),
    Conv(64, (3, 3)),
    Split((_POOL_DOWN, (_down(96),))),
    Split(
        (
            (Conv(64), _INNER),
            (Conv(64), Conv(64, (1, 7)), Conv(64, (7, 1)), _INNER),
        )
    ),
    Split(((_down(192),), _POOL_DOWN)),
)

# Figures 4 to 6.
_MODULE_A: Module = (
    (Conv(96),),
    (Conv(64), Conv(96, (3, 3))),
    (Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))),
    (Pool("avg"), Conv(96)),
)
_MODULE_B: Module = (
    (Conv(384),),
    (Conv(192), Conv(224, (1, 7)), Conv(256, (7, 1))),
    (Conv(192), Conv(192, (7, 1)), Conv(224, (1, 7)), Conv(224, (7, 1)), Conv(256, (1, 7))),
    (Pool("avg"), Conv(128)),
)
_ENDS_V4 = Split(((Conv(256, (1, 3)),), (Conv(256, (3, 1)),)))
_MODULE_C: Module = (
    (Conv(256),),
    (Conv(384), _ENDS_V4),
    (Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3)), _ENDS_V4),
    (Pool("avg"), Conv(256)),
)
# Figure 7 with the filters of table 1, and figure 8.
_REDUCTION_A: Module = (
    (_down(384),),
    (Conv(192), Conv(224, (3, 3)), _down(256)),
    _POOL_DOWN,
)
_REDUCTION_B: Module = (
    (Conv(192), _down(192)),
    (Conv(256), Conv(256, (1, 7)), Conv(320, (7, 1)), _down(320)),
    _POOL_DOWN,
)

# Figure 9: the modules of each stage.
INCEPTION_V4: Stages = (
    (_MODULE_A,) * 4,
    (_REDUCTION_A, *(_MODULE_B,) * 7),
    (_REDUCTION_B, *(_MODULE_C,) * 3),
)

_STYLE = ConvStyle("relu", batch_norm_scale=False)


@classifier_builder
def InceptionV3(
    input_shape: tuple[int | None, ...] | None = None,
    modules: Stages = INCEPTION_V3,
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
    x = inception_stages(image, INCEPTION_V3_STEM, modules, alpha, style)
    return finish(x, image, build, Head(dropout_rate), _imagenet(modules, alpha))


@classifier_builder
def InceptionV4(
    input_shape: tuple[int | None, ...] | None = None,
    modules: Stages = INCEPTION_V4,
    alpha: float = 1.0,
    dropout_rate: float = 0.2,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns an Inception V4, for images of 299 pixels by default, as floats in [-1, 1], RGB.

    42.68 million parameters that train, as timm's. Windows with a step have no padding; height and
    width are at least 75.

    Args:
        input_shape: (height, width, channels). (299, 299, 3) when None, and of free size when
            `include_top` is False.
        modules: Those of each stage, whose first one has a step from the second stage on.
        alpha: Factor of all numbers of channels.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1); the paper
            keeps 0.8 of them.
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found.

    Example:
        >>> model = InceptionV4(input_shape=(75, 75, 3), alpha=0.125, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning,
        arXiv:1602.07261, figures 3 to 9.
    """
    check_positive("alpha", alpha)
    build = options_of("inception_v4", input_shape, options)
    style = restyled(ConvStyle("relu"), activation, batch_norm_momentum)
    image = make_input(build)
    x = inception_stages(image, INCEPTION_V4_STEM, modules, alpha, style)
    unavailable = "There are none of Inception V4."
    return finish(x, image, build, Head(dropout_rate), ImageNet(unavailable=unavailable))


def _imagenet(modules: Stages, alpha: float) -> ImageNet:
    if modules != INCEPTION_V3 or alpha != 1:
        return ImageNet(unavailable="keras.applications has that of `INCEPTION_V3` at `alpha=1`.")
    return ImageNet("InceptionV3")
