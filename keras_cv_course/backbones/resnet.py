"""ResNet in its published forms, and networks of the same plan: Wide ResNet, ResNeXt, SENet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_choice, check_positive, check_rate
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import TORCH_STYLE, residual_of, restyled, scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import Block, BottleneckRow, ResidualRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.padding import pad_around
from keras_cv_course.blocks.residual import (
    PROJECTION,
    Bottleneck,
    Shortcut,
    basic_block,
    bottleneck_block,
)
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite
from keras_cv_course.blocks.stem_normalization import (
    CAFFE_MEAN,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    stem_normalization,
)
from keras_cv_course.names import STEM

ResNetRow = ResidualRow | BottleneckRow

_SQUEEZE_RATIO = 16  # section 6.1, arXiv:1709.01507


def basic_rows(*repeats: int, squeeze: bool = False) -> tuple[ResidualRow, ...]:
    """Returns the four stages of a ResNet of basic blocks, for their numbers of blocks."""
    return tuple(
        ResidualRow(64 * 2**s, squeeze, repeats=n, strides=1 if s == 0 else 2)
        for s, n in enumerate(repeats)
    )


def bottleneck_rows(
    *repeats: int, groups: int = 1, group_width: int = 64, squeeze: bool = False
) -> tuple[BottleneckRow, ...]:
    """Returns the four stages of a ResNet of bottleneck blocks.

    Args:
        *repeats: Number of blocks of each stage.
        groups: Number of groups of the 3x3 convolutions, which ResNeXt calls cardinality.
        group_width: Channels of a group in the first stage; those of the others double.
        squeeze: Whether blocks have squeeze-and-excitation.
    """
    return tuple(
        BottleneckRow(
            256 * 2**s,
            groups * group_width * 2**s,
            groups,
            squeeze=squeeze,
            repeats=n,
            strides=1 if s == 0 else 2,
        )
        for s, n in enumerate(repeats)
    )


# Table 1, arXiv:1512.03385; ResNet-200 from Identity Mappings, arXiv:1603.05027.
RESNET18 = basic_rows(2, 2, 2, 2)
RESNET34 = basic_rows(3, 4, 6, 3)
RESNET50 = bottleneck_rows(3, 4, 6, 3)
RESNET101 = bottleneck_rows(3, 4, 23, 3)
RESNET152 = bottleneck_rows(3, 8, 36, 3)
RESNET200 = bottleneck_rows(3, 24, 36, 3)


@dataclass(frozen=True)
class _Variant:
    """What networks of the same rows differ in.

    Attributes:
        stem: Channels of the convolutions before the pooling, the first of which is strided; one
            has a window of 7x7, several have 3x3.
        shortcut: How inputs of blocks are projected.
        strides_first: Whether a bottleneck has its step in the first 1x1 convolution.
        pool_around: Whether the pooling of the stem is centred.
        mean: What is subtracted from pixels.
        deviation: What they are divided by.
        style: Epsilon, biases and the default of the momentum.
    """

    stem: tuple[int, ...] = (64,)
    shortcut: Shortcut = PROJECTION
    strides_first: bool = False
    pool_around: bool = True
    mean: tuple[float, ...] = IMAGENET_MEAN
    deviation: tuple[float, ...] | float = IMAGENET_DEVIATION
    style: ConvStyle = TORCH_STYLE


_VARIANTS = {
    "v1": _Variant(
        strides_first=True,
        mean=CAFFE_MEAN,
        deviation=1.0,
        style=ConvStyle("relu", 0.99, "he_normal", 1.001e-5, use_bias=True),
    ),
    "v1.5": _Variant(),
    # Section 4.2, arXiv:1812.01187, "ResNet-D".
    "d": _Variant(stem=(32, 32, 64), shortcut=Shortcut(pooled=True)),
    # Section 6.1 of the journal's SENet, arXiv:1709.01507v4, "SENet-154".
    "senet": _Variant(stem=(64, 64, 128), shortcut=Shortcut(kernel_size=3), pool_around=False),
}


@classifier_builder
def ResNet(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[ResNetRow, ...] = RESNET50,
    variant: str = "v1.5",
    alpha: float = 1.0,
    dropout_rate: float = 0.0,
    drop_connect_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a residual network of any rows, for images as pixel values in [0, 255], RGB.

    Preprocessing is inside. With "v1" variables are those of keras.applications' ResNets, in the
    same order, and "imagenet" has weights for 50, 101 and 152 layers; their BGR becomes RGB on the
    way. The others are read from torchvision's files. Feature maps have strides 2 to 32; height
    and width are at least 32. Padding is on all sides, as the weights were trained with it: layers
    for even sizes, inside the convolutions for odd ones, which loses no pixels at 224 + 1 either.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        rows: The stages, e.g. `RESNET50` or `bottleneck_rows(3, 4, 6, 3, group_width=128)`.
        variant: "v1": the step in the first 1x1 convolution and biases, as in keras.applications;
            "v1.5": the step in the 3x3 convolution, as in torchvision; "d": besides, three 3x3
            convolutions in the stem and pooled shortcuts; "senet": the stem and the 3x3 shortcuts
            of SENet-154.
        alpha: Width multiplier: factor of the number of filters, rounded down.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu" as in the papers, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99 for "v1" and
            0.9 for the others.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = ResNet(input_shape=(64, 64, 3), rows=bottleneck_rows(1, 1, 1, 1), classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        Deep Residual Learning for Image Recognition, arXiv:1512.03385, table 1; Bag of Tricks,
        arXiv:1812.01187, section 4.2; Squeeze-and-Excitation Networks, arXiv:1709.01507.
    """
    check_choice("variant", variant, _VARIANTS)
    check_positive("alpha", alpha)
    check_rate("drop_connect_rate", drop_connect_rate)
    named: ClassifierOptions = {**options, "name": options.get("name") or "resnet"}
    build, form = options_of("resnet50", input_shape, named), _VARIANTS[variant]
    style = restyled(form.style, activation, batch_norm_momentum)
    image = make_input(build)
    x = stem_normalization(image, form.mean, form.deviation)
    x = _stem(x, form, alpha, style)
    each: Iterator[Block[ResNetRow]] = blocks(rows, 1.0, output_stride, stem_stride=4)
    for block in each:
        x = _block(x, block, form, alpha, style, drop_connect_rate)
    imagenet = _imagenet(rows, variant, alpha)
    return finish(x, image, build, Head(dropout_rate), imagenet)


def _stem(x: KerasTensor, form: _Variant, alpha: float, style: ConvStyle) -> KerasTensor:
    for i, filters in enumerate(form.stem, 1):
        name = STEM if len(form.stem) == 1 else f"{STEM}_deep{i}"
        kernel_size, strides = 7 if len(form.stem) == 1 else 3, 2 if i == 1 else 1
        x, padding = pad_around(x, kernel_size, strides, name)
        filters = scaled(filters, alpha)
        x = conv_bn_activation(x, filters, kernel_size, style, name, strides, padding)
    x, padding = pad_around(x, 3, 2, f"{STEM}_pool") if form.pool_around else (x, "same")
    return keras.layers.MaxPooling2D(3, 2, padding, name=f"{STEM}_pool")(x)


def _block(
    x: KerasTensor,
    block: Block[ResNetRow],
    form: _Variant,
    alpha: float,
    style: ConvStyle,
    drop_connect_rate: float,
) -> KerasTensor:
    row, filters = block.row, scaled(block.row.filters, alpha)
    reduced = max(1, filters // _SQUEEZE_RATIO)
    squeeze = SqueezeExcite(reduced, "relu", "sigmoid") if row.squeeze else None
    residual = residual_of(block, filters, x.shape[-1], drop_connect_rate, squeeze)
    if isinstance(row, ResidualRow):
        return basic_block(x, residual, style, form.shortcut)
    width = scaled(row.width, alpha, row.groups)
    inside = Bottleneck(
        width,
        width if row.reduced is None else scaled(row.reduced, alpha, row.groups),
        row.groups,
        form.strides_first,
    )
    return bottleneck_block(x, residual, inside, style, form.shortcut)


def _imagenet(rows: Sequence[ResNetRow], variant: str, alpha: float) -> ImageNet:
    known: dict[tuple[ResNetRow, ...], int] = {RESNET50: 50, RESNET101: 101, RESNET152: 152}
    layers = known.get(tuple(rows))
    if layers is None or variant != "v1" or alpha != 1:
        return ImageNet(
            bgr=variant == "v1",
            unavailable="keras.applications has ResNet50, ResNet101 and ResNet152 with "
            "`variant='v1'` and `alpha=1`.",
        )
    return ImageNet(f"ResNet{layers}", bgr=True)


_V1 = {"variant": "v1"}

ResNet18 = published(ResNet, "resnet18", "a ResNet of 18 layers", rows=RESNET18)
ResNet34 = published(ResNet, "resnet34", "a ResNet of 34 layers", rows=RESNET34)
ResNet50 = published(ResNet, "resnet50", "a ResNet of 50 layers", _V1, rows=RESNET50)
ResNet101 = published(ResNet, "resnet101", "a ResNet of 101 layers", _V1, rows=RESNET101)
ResNet152 = published(ResNet, "resnet152", "a ResNet of 152 layers", _V1, rows=RESNET152)
ResNet200 = published(ResNet, "resnet200", "a ResNet of 200 layers", rows=RESNET200)
ResNet50D = published(ResNet, "resnet50d", "a ResNet-D of 50 layers", rows=RESNET50, variant="d")
