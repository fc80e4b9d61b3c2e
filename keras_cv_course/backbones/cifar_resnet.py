"""Residual networks for images of CIFAR's size: ResNet-20 to 110, MLPerf Tiny's ResNet8, WRN."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_choice, check_positive, check_rate, check_whole
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import TORCH_STYLE, residual_of, restyled, scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import ResidualRow, blocks
from keras_cv_course.blocks.convolution import (
    ConvStyle,
    activate,
    conv_bn_activation,
    normalize,
)
from keras_cv_course.blocks.preactivation import Preactivation, preactivated_basic
from keras_cv_course.blocks.residual import PROJECTION, Shortcut, basic_block
from keras_cv_course.blocks.stem_normalization import (
    CIFAR_DEVIATION,
    CIFAR_MEAN,
    stem_normalization,
)
from keras_cv_course.names import STEM, TOP

_FILTERS = 16
_UNAVAILABLE = ImageNet(unavailable="keras.applications has no networks of CIFAR's size.")
# MLPerf Tiny's reference has Keras' defaults, and projects without a normalization.
_FORMS = {
    "paper": (TORCH_STYLE, PROJECTION),
    "mlperf_tiny": (
        ConvStyle("relu", 0.99, "he_normal", 1e-3, use_bias=True),
        Shortcut(normalized=False),
    ),
}


def cifar_rows(repeats: int, filters: int = _FILTERS) -> tuple[ResidualRow, ...]:
    """Returns the three stages of a residual network for CIFAR, of as many blocks each."""
    return tuple(
        ResidualRow(filters * 2**s, repeats=repeats, strides=1 if s == 0 else 2) for s in range(3)
    )


@classifier_builder
def CifarResNet(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[ResidualRow, ...] = cifar_rows(3),
    form: str = "paper",
    preprocessing: bool = True,
    alpha: float = 1.0,
    dropout_rate: float = 0.0,
    drop_connect_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a residual network for images of CIFAR's size, as pixel values in [0, 255], RGB.

    Feature maps have strides 1, 2 and 4; height and width are at least 8.

    Args:
        input_shape: (height, width, channels). (32, 32, 3) when None, and of free size when
            `include_top` is False. Any number of channels.
        rows: The stages, e.g. `cifar_rows(9)` of ResNet-56.
        form: "paper", or "mlperf_tiny": biases before normalizations, and projections that have
            none, with the variables of MLPerf Tiny's reference in the same order.
        preprocessing: Whether the mean of CIFAR-10 is subtracted, and its deviation divided by;
            MLPerf Tiny's weights were trained on pixel values as they are.
        alpha: Width multiplier: factor of the number of filters, rounded down.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.9, or 0.99 for
            "mlperf_tiny".
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.

    Example:
        >>> ResNet8(classes=10).count_params()
        78666

    Reference:
        Deep Residual Learning for Image Recognition, arXiv:1512.03385, section 4.2. Where channels
        double, the paper fills up with zeros (option A); here the shortcut is projected (option B),
        which integer kernels have, for 2,752 parameters more. MLPerf Tiny Benchmark,
        arXiv:2106.07597, section 4.3.
    """
    check_choice("form", form, _FORMS)
    check_positive("alpha", alpha)
    check_rate("drop_connect_rate", drop_connect_rate)
    named: ClassifierOptions = {**options, "name": options.get("name") or "cifar_resnet"}
    build = options_of("resnet20", input_shape, named)
    style, shortcut = _FORMS[form]
    style = restyled(style, activation, batch_norm_momentum)
    x = image = make_input(build)
    if preprocessing:
        x = stem_normalization(image, CIFAR_MEAN, CIFAR_DEVIATION)
    x = conv_bn_activation(x, scaled(_FILTERS, alpha), 3, style, STEM)
    for block in blocks(rows, stem_stride=1):
        filters = scaled(block.row.filters, alpha)
        residual = residual_of(block, filters, x.shape[-1], drop_connect_rate, centred=False)
        x = basic_block(x, residual, style, shortcut)
    return finish(x, image, build, Head(dropout_rate), _UNAVAILABLE)


_RESNETS = {layers: cifar_rows((layers - 2) // 6) for layers in (8, 20, 32, 44, 56, 110)}

ResNet8 = published(
    CifarResNet,
    "resnet8",
    "MLPerf Tiny's ResNet of 8 layers",
    {"form": "mlperf_tiny"},
    rows=_RESNETS[8],
)
ResNet20, ResNet32, ResNet44, ResNet56, ResNet110 = (
    published(CifarResNet, f"resnet{n}", f"a ResNet of {n} layers", rows=rows)
    for n, rows in _RESNETS.items()
    if n > 8
)


@classifier_builder
def WideResNet(
    input_shape: tuple[int | None, ...] | None = None,
    depth: int = 28,
    width: float = 10,
    dropout_rate: float = 0.0,
    drop_connect_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a Wide ResNet for images of CIFAR's size, as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of CIFAR-10 is subtracted, and its deviation divided by.
    Feature maps have strides 1, 2 and 4; height and width are at least 8.

    Args:
        input_shape: (height, width, channels). (32, 32, 3) when None, and of free size when
            `include_top` is False. Any number of channels.
        depth: Number of layers: 4 more than a multiple of 6.
        width: Factor of ResNet's number of filters, the paper's k; the stem is not widened.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.9.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.

    Example:
        >>> WideResNet(depth=16, width=8, classes=10).output_shape
        (None, 10)

    Reference:
        Wide Residual Networks, arXiv:1605.07146, table 1: WRN-28-10 by default.
    """
    check_whole("depth", depth)
    check_positive("width", width)
    check_rate("drop_connect_rate", drop_connect_rate)
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(
            "`depth` must be 4 more than a multiple of 6, for three stages of blocks of two "
            f"layers, and at least 10. Received: {depth}. Nearest: {max(10, depth // 6 * 6 + 4)}."
        )
    build = options_of("wide_resnet28_10", input_shape, options)
    style = restyled(TORCH_STYLE, activation, batch_norm_momentum)
    form = Preactivation(style)
    image = make_input(build)
    x = stem_normalization(image, CIFAR_MEAN, CIFAR_DEVIATION)
    x = keras.layers.Conv2D(
        _FILTERS,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer=style.kernel_initializer,
        name=f"{STEM}_conv",
    )(x)
    for block in blocks(cifar_rows((depth - 4) // 6), stem_stride=1):
        filters = scaled(block.row.filters, width)
        residual = residual_of(block, filters, x.shape[-1], drop_connect_rate, centred=False)
        x = preactivated_basic(x, residual, form)
    x = activate(normalize(x, style, f"{TOP}_bn"), activation, f"{TOP}_activation")
    return finish(x, image, build, Head(dropout_rate), _UNAVAILABLE)
