"""GoogLeNet, the first network of Inception modules."""

from dataclasses import replace
from typing import Unpack

import keras

from keras_cv_course._validation import check_choice, check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._inception import Stages, inception_stages
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._residual import restyled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.blocks.inception import Branch, Conv, Module, Pool

_NORMALIZATIONS = ("batch", "none")
_POOL_DOWN = Pool("max", 2)

GOOGLENET_STEM: Branch = (
    Conv(64, (7, 7), 2),
    _POOL_DOWN,
    Conv(64),
    Conv(192, (3, 3)),
    _POOL_DOWN,
)


def _module(
    single: int,
    before3: int,
    filters3: int,
    before5: int,
    filters5: int,
    after_pool: int,
    size: int,
) -> Module:
    """Figure 2b, arXiv:1409.4842, with windows of `size` pixels for the paper's 5x5."""
    return (
        (Conv(single),),
        (Conv(before3), Conv(filters3, (3, 3))),
        (Conv(before5), Conv(filters5, (size, size))),
        (Pool("max"), Conv(after_pool)),
    )


def googlenet_stages(size: int = 5) -> Stages:
    """Returns the modules of table 1, arXiv:1409.4842, 3a to 5b.

    Args:
        size: Height and width of the largest windows: 5 as in the paper, or torchvision's 3.
    """
    down: Module = ((_POOL_DOWN,),)
    return (
        (_module(64, 96, 128, 16, 32, 32, size), _module(128, 128, 192, 32, 96, 64, size)),
        (
            down,
            _module(192, 96, 208, 16, 48, 64, size),
            _module(160, 112, 224, 24, 64, 64, size),
            _module(128, 128, 256, 24, 64, 64, size),
            _module(112, 144, 288, 32, 64, 64, size),
            _module(256, 160, 320, 32, 128, 128, size),
        ),
        (
            down,
            _module(256, 160, 320, 32, 128, 128, size),
            _module(384, 192, 384, 48, 128, 128, size),
        ),
    )


GOOGLENET = googlenet_stages()


@classifier_builder
def GoogLeNet(
    input_shape: tuple[int | None, ...] | None = None,
    modules: Stages = GOOGLENET,
    alpha: float = 1.0,
    normalization: str = "batch",
    dropout_rate: float = 0.4,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a GoogLeNet, for images of 224 pixels by default, as floats in [-1, 1], RGB.

    57 convolutions, of which 21 are on the longest way, and a dense layer. With
    `normalization="none"` it is the table of the paper: 6,998,552 parameters, without its local
    response normalization, for which integer kernels have nothing, and without its auxiliary
    classifiers. With `modules=googlenet_stages(3)` it is torchvision's: 6,624,904 trainable
    parameters.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False.
        modules: Those of each stage.
        alpha: Factor of all numbers of channels.
        normalization: "batch" after each convolution, which the paper is older than, or "none",
            with biases instead.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found.

    Example:
        >>> GoogLeNet(normalization="none").count_params()
        6998552

    Reference:
        Going Deeper with Convolutions, arXiv:1409.4842, table 1.
    """
    check_positive("alpha", alpha)
    check_choice("normalization", normalization, _NORMALIZATIONS)
    build = options_of("googlenet", input_shape, options)
    style = replace(ConvStyle("relu"), normalization=normalization)
    style = restyled(style, activation, batch_norm_momentum)
    image = make_input(build)
    x = inception_stages(image, GOOGLENET_STEM, modules, alpha, style)
    return finish(
        x, image, build, Head(dropout_rate), ImageNet(unavailable="There are none of GoogLeNet.")
    )
