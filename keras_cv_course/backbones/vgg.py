"""VGG, stages of 3x3 convolutions with pooling between them; SSD300 is built on that of 16."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import ConvRow
from keras_cv_course.blocks.convolution import ConvStyle, conv_activation
from keras_cv_course.blocks.stem_normalization import CAFFE_MEAN, stem_normalization
from keras_cv_course.names import block_name, stage_name

_FILTERS = (64, 128, 256, 512, 512)
_HIDDEN_FILTERS = (4096, 4096)


def vgg_rows(*repeats: int) -> tuple[ConvRow, ...]:
    """Returns the rows of a VGG with so many convolutions in each of its five stages."""
    return tuple(ConvRow(f, repeats=count) for f, count in zip(_FILTERS, repeats, strict=True))


# Columns A, B, D and E of table 1, arXiv:1409.1556: the 3x3 convolutions of each stage.
VGG11_ROWS = vgg_rows(1, 1, 2, 2, 2)
VGG13_ROWS = vgg_rows(2, 2, 2, 2, 2)
VGG16_ROWS = vgg_rows(2, 2, 3, 3, 3)
VGG19_ROWS = vgg_rows(2, 2, 4, 4, 4)


def vgg_stages(
    image: KerasTensor,
    rows: Sequence[ConvRow] = VGG16_ROWS,
    style: ConvStyle | None = None,
    pool_padding: str = "valid",
) -> dict[str, KerasTensor]:
    """Returns the outputs of VGG's stages, before each is pooled, on an image.

    `stage4` and `stage5` of 16 layers are conv4_3 and conv5_3 of the paper.

    Args:
        image: float tensor (batch, height, width, channels).
        rows: Convolutions of each stage.
        style: Activation and initializer; ReLU when None.
        pool_padding: "valid", where pooling rounds odd sizes down, or "same", where it rounds them
            up, as SSD has it.

    Reference:
        Very Deep Convolutional Networks, arXiv:1409.1556, table 1.
    """
    style = style or ConvStyle("relu")
    x, maps = image, {}
    for s, row in enumerate(rows, 1):
        if s > 1:
            x = keras.layers.MaxPooling2D(2, padding=pool_padding, name=_pool_name(s))(x)
        for b in range(1, row.repeats + 1):
            x = conv_activation(x, row.filters, row.kernel_size, style, block_name(s, b))
        maps[stage_name(s)] = x
    return maps


def _pool_name(stage: int) -> str:
    return f"{block_name(stage, 1)}_pool"


@classifier_builder
def VGG(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[ConvRow, ...] = VGG16_ROWS,
    alpha: float = 1.0,
    dropout_rate: float = 0.5,
    activation: str = "relu",
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a VGG of any stages, for images as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of ImageNet is subtracted. Variables are those of
    keras.applications' VGG16 and VGG19, in the same order; files that these wrote for BGR images
    take RGB once loaded. Feature maps have strides 1 to 32; height and width are at least 32.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. The classifier's weights depend on the size. Any number of
            channels with `weights=None`.
        rows: Convolutions of each stage, e.g. `VGG16_ROWS`. Stages are pooled by 2.
        alpha: Factor of all numbers of channels, those of the classifier's hidden layers too.
        dropout_rate: Share of the hidden values that training sets to zero, in [0, 1).
        activation: "relu" as in the paper, or e.g. "relu6".
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = VGG(input_shape=(32, 32, 3), alpha=0.125, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556,
        table 1, and the classifier of section 2.1.
    """
    check_positive("alpha", alpha)
    named: ClassifierOptions = {**options, "name": options.get("name") or "vgg"}
    build = options_of("vgg16", input_shape, named)
    image = make_input(build)
    x = stem_normalization(image, CAFFE_MEAN)
    narrowed = [replace(row, filters=scaled(row.filters, alpha)) for row in rows]
    maps = vgg_stages(x, narrowed, ConvStyle(activation))
    last = len(rows)
    x = keras.layers.MaxPooling2D(2, name=_pool_name(last + 1))(maps[stage_name(last)])
    hidden = tuple(scaled(filters, alpha) for filters in _HIDDEN_FILTERS)
    head = Head(dropout_rate, hidden, activation)
    return finish(x, image, build, head, _imagenet(rows, alpha))


def _imagenet(rows: tuple[ConvRow, ...], alpha: float) -> ImageNet:
    known: dict[tuple[ConvRow, ...], int] = {VGG16_ROWS: 16, VGG19_ROWS: 19}
    layers = known.get(tuple(rows))
    if layers is None or alpha != 1:
        return ImageNet(
            bgr=True, unavailable="keras.applications has VGG16 and VGG19 with `alpha=1`."
        )
    return ImageNet(f"VGG{layers}", bgr=True)


VGG11 = published(VGG, "vgg11", "a VGG of 11 layers", rows=VGG11_ROWS)
VGG13 = published(VGG, "vgg13", "a VGG of 13 layers", rows=VGG13_ROWS)
VGG16 = published(VGG, "vgg16", "a VGG of 16 layers", rows=VGG16_ROWS)
VGG19 = published(VGG, "vgg19", "a VGG of 19 layers", rows=VGG19_ROWS)
