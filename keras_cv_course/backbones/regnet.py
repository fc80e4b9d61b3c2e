"""RegNet: networks whose widths lie on a quantized line."""

from dataclasses import dataclass
from typing import Any, Unpack

import keras
import numpy as np

from keras_cv_course._validation import check_positive, check_rate, check_whole
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import TORCH_STYLE, residual_of, restyled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import BottleneckRow, blocks
from keras_cv_course.blocks.convolution import conv_bn_activation
from keras_cv_course.blocks.padding import pad_around
from keras_cv_course.blocks.residual import Bottleneck, bottleneck_block
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite
from keras_cv_course.blocks.stem_normalization import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    stem_normalization,
)
from keras_cv_course.names import STEM
from keras_cv_course.ops.scaling import make_divisible

_STEM_FILTERS = 32
_SQUEEZE_RATIO = 0.25
_QUANTUM = 8
_UNAVAILABLE = ImageNet(unavailable="keras.applications has no RegNet.")


@dataclass(frozen=True)
class Design:
    """The numbers that a RegNet is generated from.

    Attributes:
        depth: Number of blocks.
        initial_width: Width of the line at its first block, the paper's w_0.
        slope: What it grows by for each block, w_a.
        factor: Ratio of the widths of two stages, w_m.
        group_width: Channels of a group of the 3x3 convolutions, g.
        squeeze: Whether blocks have squeeze-and-excitation: RegNetY.
    """

    depth: int
    initial_width: int
    slope: float
    factor: float
    group_width: int
    squeeze: bool = False

    def __post_init__(self) -> None:
        for argument in ("depth", "initial_width", "group_width"):
            check_whole(argument, getattr(self, argument))
        check_positive("slope", self.slope)
        if self.factor <= 1:
            raise ValueError(f"`factor` must be above 1. Received: {self.factor}.")


# The best networks of the design spaces, arXiv:2003.13678, tables 8 (X) and 9 (Y), by the hundreds
# of millions of multiply-adds; numbers as in the authors' repository.
REGNET_X = {
    2: Design(13, 24, 36.44, 2.49, 8),
    4: Design(22, 24, 24.48, 2.54, 16),
    6: Design(16, 48, 36.97, 2.24, 24),
    8: Design(16, 56, 35.73, 2.28, 16),
    16: Design(18, 80, 34.01, 2.25, 24),
    32: Design(25, 88, 26.31, 2.25, 48),
    40: Design(23, 96, 38.65, 2.43, 40),
    64: Design(17, 184, 60.83, 2.07, 56),
    80: Design(23, 80, 49.56, 2.88, 120),
    120: Design(19, 168, 73.36, 2.37, 112),
    160: Design(22, 216, 55.59, 2.1, 128),
    320: Design(23, 320, 69.86, 2.0, 168),
}
REGNET_Y = {
    2: Design(13, 24, 36.44, 2.49, 8, True),
    4: Design(16, 48, 27.89, 2.09, 8, True),
    6: Design(15, 48, 32.54, 2.32, 16, True),
    8: Design(14, 56, 38.84, 2.4, 16, True),
    16: Design(27, 48, 20.71, 2.65, 24, True),
    32: Design(21, 80, 42.63, 2.66, 24, True),
    40: Design(22, 96, 31.41, 2.24, 64, True),
    64: Design(25, 112, 33.22, 2.27, 72, True),
    80: Design(17, 192, 76.82, 2.19, 56, True),
    120: Design(19, 168, 73.36, 2.37, 112, True),
    160: Design(18, 200, 106.23, 2.48, 112, True),
    320: Design(20, 232, 115.89, 2.53, 232, True),
}


def regnet_rows(design: Design, torchvision_rounding: bool = False) -> tuple[BottleneckRow, ...]:
    """Returns the stages of a RegNet.

    Widths on a line are rounded to the nearest power of `factor` times the first, and then to a
    multiple of 8; blocks of one width are a stage.

    Args:
        design: The numbers of the line.
        torchvision_rounding: Whether a width that is not a multiple of its groups may lose a tenth
            of it at most, as in torchvision, or becomes the nearest multiple, as in the paper.

    Example:
        >>> [(row.filters, row.repeats) for row in regnet_rows(REGNET_X[4])]
        [(32, 1), (64, 2), (160, 7), (384, 12)]

    Reference:
        Designing Network Design Spaces, arXiv:2003.13678, equations 2 to 4.
    """
    line = design.initial_width + design.slope * np.arange(design.depth)
    powers = np.round(np.log(line / design.initial_width) / np.log(design.factor))
    widths = design.initial_width * design.factor**powers
    widths = (np.round(widths / _QUANTUM) * _QUANTUM).astype(int)
    rows = []
    for width, repeats in zip(*np.unique(widths, return_counts=True), strict=True):
        member = min(design.group_width, int(width))
        if torchvision_rounding:
            filters = make_divisible(int(width), member)
        else:
            filters = round(int(width) / member) * member
        rows.append(
            BottleneckRow(
                filters,
                filters,
                filters // member,
                squeeze=design.squeeze,
                repeats=int(repeats),
                strides=2,
            )
        )
    return tuple(rows)


@classifier_builder
def RegNet(
    input_shape: tuple[int | None, ...] | None = None,
    design: Design = REGNET_X[4],
    torchvision_rounding: bool = False,
    dropout_rate: float = 0.0,
    drop_connect_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a RegNet of any design, for images as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of ImageNet is subtracted, and its deviation divided by.
    Feature maps have strides 2 to 32; height and width are at least 32. Padding is on all sides of
    strided windows, as torchvision's and timm's weights were trained with it.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        design: What the widths and depths follow from, e.g. `REGNET_Y[8]`.
        torchvision_rounding: Whether widths are rounded as in torchvision, which differs from the
            paper in X-400MF, Y-800MF and Y-8GF; see `regnet_rows`.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.9.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.

    Example:
        >>> RegNetX004(include_top=False, pooling="avg").output_shape
        (None, 384)

    Reference:
        Designing Network Design Spaces, arXiv:2003.13678, section 3.3 and tables 8 and 9.
    """
    check_rate("drop_connect_rate", drop_connect_rate)
    named: ClassifierOptions = {**options, "name": options.get("name") or "regnet"}
    build = options_of("regnetx_004", input_shape, named)
    style = restyled(TORCH_STYLE, activation, batch_norm_momentum)
    image = make_input(build)
    x = stem_normalization(image, IMAGENET_MEAN, IMAGENET_DEVIATION)
    x, padding = pad_around(x, 3, 2, STEM)
    x = conv_bn_activation(x, _STEM_FILTERS, 3, style, STEM, 2, padding)
    for block in blocks(regnet_rows(design, torchvision_rounding), 1.0, output_stride):
        row, channels = block.row, x.shape[-1]
        squeezed = round(_SQUEEZE_RATIO * channels)
        squeeze = SqueezeExcite(squeezed, "relu", "sigmoid") if row.squeeze else None
        residual = residual_of(block, row.filters, channels, drop_connect_rate)
        inside = Bottleneck(row.width, row.width, row.groups, squeeze=squeeze)
        x = bottleneck_block(x, residual, inside, style)
    return finish(x, image, build, Head(dropout_rate), _UNAVAILABLE)


def _published(family: str, designs: dict[int, Design]) -> list[Any]:
    return [
        published(
            RegNet,
            f"regnet{family.lower()}_{n:03}",
            f"a RegNet{family} of {n * 100} million multiply-adds",
            design=design,
        )
        for n, design in designs.items()
    ]


(
    RegNetX002,
    RegNetX004,
    RegNetX006,
    RegNetX008,
    RegNetX016,
    RegNetX032,
    RegNetX040,
    RegNetX064,
    RegNetX080,
    RegNetX120,
    RegNetX160,
    RegNetX320,
) = _published("X", REGNET_X)
(
    RegNetY002,
    RegNetY004,
    RegNetY006,
    RegNetY008,
    RegNetY016,
    RegNetY032,
    RegNetY040,
    RegNetY064,
    RegNetY080,
    RegNetY120,
    RegNetY160,
    RegNetY320,
) = _published("Y", REGNET_Y)
