"""DenseNet, whose layers read the outputs of all layers of their block; DenseNet-BC for CIFAR."""

from typing import Unpack

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import restyled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle, activate, conv_bn_activation, normalize
from keras_cv_course.blocks.dense import dense_layer, transition
from keras_cv_course.blocks.padding import pad_around
from keras_cv_course.blocks.stem_normalization import (
    CIFAR_DEVIATION,
    CIFAR_MEAN,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    stem_normalization,
)
from keras_cv_course.names import STEM, TOP, block_name

# Table 1, arXiv:1608.06993: layers of each block.
DENSENET121 = (6, 12, 24, 16)
DENSENET169 = (6, 12, 32, 32)
DENSENET201 = (6, 12, 48, 32)
DENSENET264 = (6, 12, 64, 48)

_COMPRESSION = 0.5
_STYLE = ConvStyle("relu", 0.99, "he_normal", 1.001e-5)


@classifier_builder
def DenseNet(
    input_shape: tuple[int | None, ...] | None = None,
    repeats: tuple[int, ...] = DENSENET121,
    growth_rate: int = 32,
    dropout_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a DenseNet of any blocks, for images as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of ImageNet is subtracted, and its deviation divided by.
    Variables are those of keras.applications' DenseNets, in the same order, and "imagenet" has
    weights for 121, 169 and 201 layers. Feature maps have strides 2 to 32; height and width are at
    least 32.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        repeats: Number of layers of each dense block, e.g. `DENSENET121`.
        growth_rate: Channels that a layer adds, the paper's k. The stem has twice as many.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = DenseNet(input_shape=(64, 64, 3), repeats=(2, 2, 2), growth_rate=8, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        Densely Connected Convolutional Networks, arXiv:1608.06993, table 1: DenseNet-BC, with
        bottlenecks of 4k channels and a compression of 0.5.
    """
    check_whole("growth_rate", growth_rate)
    named: ClassifierOptions = {**options, "name": options.get("name") or "densenet"}
    build = options_of("densenet121", input_shape, named)
    style = restyled(_STYLE, activation, batch_norm_momentum)
    image = make_input(build)
    x = stem_normalization(image, IMAGENET_MEAN, IMAGENET_DEVIATION)
    x, padding = pad_around(x, 7, 2, STEM)
    x = conv_bn_activation(x, 2 * growth_rate, 7, style, STEM, 2, padding)
    x, padding = pad_around(x, 3, 2, f"{STEM}_pool")
    x = keras.layers.MaxPooling2D(3, 2, padding, name=f"{STEM}_pool")(x)
    x = dense_blocks(x, repeats, growth_rate, style)
    return finish(x, image, build, Head(dropout_rate), _imagenet(repeats, growth_rate))


def dense_blocks(
    x: KerasTensor, repeats: tuple[int, ...], growth_rate: int, style: ConvStyle
) -> KerasTensor:
    """Returns `x` after dense blocks with transitions between them, normalized and activated.

    Args:
        x: float tensor (batch, height, width, channels), the output of a stem.
        repeats: Number of layers of each block.
        growth_rate: Channels that a layer adds.
        style: Activation, momentum, epsilon and initializer.
    """
    for s, count in enumerate(repeats, 1):
        for b in range(1, count + 1):
            x = dense_layer(x, growth_rate, style, block_name(s, b))
        if s < len(repeats):
            filters = int(x.shape[-1] * _COMPRESSION)
            x = transition(x, filters, style, block_name(s, count + 1))
    return activate(normalize(x, style, f"{TOP}_bn"), style.activation, f"{TOP}_activation")


def _imagenet(repeats: tuple[int, ...], growth_rate: int) -> ImageNet:
    known: dict[tuple[int, ...], int] = {DENSENET121: 121, DENSENET169: 169, DENSENET201: 201}
    layers = known.get(tuple(repeats))
    if layers is None or growth_rate != 32:
        return ImageNet(
            unavailable="keras.applications has DenseNet121, DenseNet169 and DenseNet201."
        )
    return ImageNet(f"DenseNet{layers}")


DenseNet121 = published(DenseNet, "densenet121", "a DenseNet of 121 layers", repeats=DENSENET121)
DenseNet169 = published(DenseNet, "densenet169", "a DenseNet of 169 layers", repeats=DENSENET169)
DenseNet201 = published(DenseNet, "densenet201", "a DenseNet of 201 layers", repeats=DENSENET201)
DenseNet264 = published(DenseNet, "densenet264", "a DenseNet of 264 layers", repeats=DENSENET264)


@classifier_builder
def DenseNetBC(
    input_shape: tuple[int | None, ...] | None = None,
    depth: int = 100,
    growth_rate: int = 12,
    dropout_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a DenseNet-BC for images of CIFAR's size, as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of CIFAR-10 is subtracted, and its deviation divided by.
    Feature maps have strides 1, 2 and 4; height and width are at least 8.

    Args:
        input_shape: (height, width, channels). (32, 32, 3) when None, and of free size when
            `include_top` is False.
        depth: Number of layers: 4 more than a multiple of 6.
        growth_rate: Channels that a layer adds, the paper's k.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.9.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.

    Example:
        >>> DenseNetBC(depth=40, classes=10).output_shape
        (None, 10)

    Reference:
        Densely Connected Convolutional Networks, arXiv:1608.06993, section 3, "Implementation
        Details", and table 2.
    """
    check_whole("growth_rate", growth_rate)
    check_positive("depth", depth - 4)
    if (depth - 4) % 6:
        raise ValueError(
            f"`depth` must be 4 more than a multiple of 6, for three blocks of two convolutions a "
            f"layer. Received: {depth}. Nearest: {(depth - 4) // 6 * 6 + 4}."
        )
    build = options_of("densenet_bc", input_shape, options)
    style = restyled(ConvStyle("relu", 0.9, "he_normal", 1e-5), activation, batch_norm_momentum)
    image = make_input(build)
    x = stem_normalization(image, CIFAR_MEAN, CIFAR_DEVIATION)
    x = keras.layers.Conv2D(
        2 * growth_rate,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer=style.kernel_initializer,
        name=f"{STEM}_conv",
    )(x)
    x = dense_blocks(x, ((depth - 4) // 6,) * 3, growth_rate, style)
    unavailable = ImageNet(unavailable="keras.applications has no DenseNet for CIFAR.")
    return finish(x, image, build, Head(dropout_rate), unavailable)
