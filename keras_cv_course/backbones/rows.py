"""Rows of the tables that families of networks are made of, and the blocks they describe.

A row describes the blocks of one kind in a stage. Whatever the kind, its last three fields are
`repeats`, the number of blocks; `strides` of the first of them, the others having stride 1; and
`dilation`, the distance of the pixels that the blocks' windows read. Rows are plain data: scale a
family, search over it or take its strides away by making other rows with `dataclasses.replace`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from keras_cv_course._validation import check_choice
from keras_cv_course.names import block_name
from keras_cv_course.ops.scaling import round_repeats

OUTPUT_STRIDES = (4, 8, 16, 32)


@dataclass(frozen=True)
class ConvRow:
    """Convolutions: Darknet, LeNet, VGG.

    Attributes:
        filters: Channels of the output.
        kernel_size: Height and width of the window.
        repeats: Number of blocks.
        strides: Step of the first block.
        dilation: Distance of the pixels that a window reads.
    """

    filters: int
    kernel_size: int = 3
    repeats: int = 1
    strides: int = 1
    dilation: int = 1


@dataclass(frozen=True)
class ResidualRow:
    """Blocks of two convolutions whose input is added to their output: Darknet-53, ResNet-18.

    Attributes:
        filters: Channels of the output.
        squeeze: Whether squeeze-and-excitation precedes the sum, where the family has it.
        repeats: Number of blocks.
        strides: Step of the first block.
        dilation: Distance of the pixels that a window reads.
    """

    filters: int
    squeeze: bool = False
    repeats: int = 1
    strides: int = 1
    dilation: int = 1


@dataclass(frozen=True)
class AlexNetRow:
    """Convolutions with bias, perhaps in groups, perhaps pooled: AlexNet.

    Attributes:
        filters: Channels of the output.
        kernel_size: Height and width of the window.
        groups: Number of groups of channels that are convolved apart.
        pooled: Whether a 3x3 window of step 2 pools the last of them.
        repeats: Number of convolutions.
        strides: Step of the first of them.
        dilation: Distance of the pixels that a window reads.
    """

    filters: int
    kernel_size: int
    groups: int = 1
    pooled: bool = False
    repeats: int = 1
    strides: int = 1
    dilation: int = 1


@dataclass(frozen=True)
class XceptionRow:
    """Residual blocks of separable convolutions: Xception.

    Attributes:
        filters: Channels of each convolution's output.
        repeats: Number of blocks.
        strides: Step of the first block.
        dilation: Distance of the pixels that a window reads.
    """

    filters: tuple[int, ...]
    repeats: int = 1
    strides: int = 1
    dilation: int = 1


@dataclass(frozen=True)
class BottleneckRow:
    """Blocks of `bottleneck_block`: ResNet-50, Wide ResNet, ResNeXt, SENet, RegNet.

    Attributes:
        filters: Channels of the output.
        width: Channels of the 3x3 convolution's output.
        groups: Number of groups of channels that it keeps apart.
        reduced: Channels of its input, or None for as many as of its output.
        squeeze: Whether the block has squeeze-and-excitation, at the family's place.
        repeats: Number of blocks.
        strides: Step of the first block.
        dilation: Distance of the pixels that a window reads.
    """

    filters: int
    width: int
    groups: int = 1
    reduced: int | None = None
    squeeze: bool = False
    repeats: int = 1
    strides: int = 1
    dilation: int = 1


@dataclass(frozen=True)
class SeparableRow:
    """Pairs of a depthwise and a pointwise convolution: MobileNet.

    Attributes:
        filters: Channels of the output.
        repeats: Number of blocks.
        strides: Step of the first block.
        dilation: Distance of the pixels that a window reads.
    """

    filters: int
    repeats: int = 1
    strides: int = 1
    dilation: int = 1


@dataclass(frozen=True)
class InvertedResidualRow:
    """Blocks of `inverted_residual`: MobileNetV2, MobileNetV3, EfficientNet, MobileFaceNet.

    Attributes:
        filters: Channels of the output.
        expand_ratio: Channels of the depthwise convolution for each channel of the input.
        kernel_size: Height and width of the depthwise window.
        squeeze: Whether squeeze-and-excitation follows the depthwise convolution.
        activation: Name of the activation, or None for the network's.
        repeats: Number of blocks.
        strides: Step of the first block.
        dilation: Distance of the pixels that a window reads.
    """

    filters: int
    expand_ratio: float
    kernel_size: int = 3
    squeeze: bool = False
    activation: str | None = None
    repeats: int = 1
    strides: int = 1
    dilation: int = 1


class Row(Protocol):
    """What rows of every kind have."""

    @property
    def repeats(self) -> int:
        """Number of blocks."""

    @property
    def strides(self) -> int:
        """Step of the first block."""

    @property
    def dilation(self) -> int:
        """Distance of the pixels that a window reads."""


AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True)
class Block(Generic[AnyRow]):
    """One block of a network.

    Attributes:
        row: The row that it comes from.
        name: Prefix of the names of its layers, e.g. "stage3_block2".
        strides: Its own step, 1 if it is not the first of its row or is dilated instead.
        dilation: Distance of the pixels that its windows read.
        shortcut: Whether its input may be added to its output: not if its step is or was above 1.
        index: Number of blocks before it.
        count: Number of blocks of the network.
    """

    row: AnyRow
    name: str
    strides: int
    dilation: int
    shortcut: bool
    index: int
    count: int


def blocks(
    stages: Sequence[AnyRow | Sequence[AnyRow]],
    depth: float | Sequence[float] = 1.0,
    output_stride: int = 32,
    stem_stride: int = 2,
) -> Iterator[Block[AnyRow]]:
    """Yields the blocks of a network in order.

    Args:
        stages: A row or several rows for each stage.
        depth: Factor of the number of blocks of each stage, rounded up, or one for each stage.
            Blocks that are added repeat the last one with stride 1.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Where it is reached, blocks
            are dilated and not strided: later feature maps stay as large, and every weight sees
            the pixels that it would have seen. The block whose stride is taken away still has the
            dilation of those before it.
        stem_stride: Stride of the layers before the first block.

    Raises:
        ValueError: If `output_stride` is another.

    Reference:
        Rethinking Atrous Convolution for Semantic Image Segmentation, arXiv:1706.05587, section
        3.1.
    """
    check_choice("output_stride", output_stride, OUTPUT_STRIDES)
    depths = depth if isinstance(depth, Sequence) else [depth] * len(stages)
    tables = [_scaled(stage, d) for stage, d in zip(stages, depths, strict=True)]
    count = sum(map(len, tables))
    stride, dilation, index = stem_stride, 1, 0
    for s, table in enumerate(tables, 1):
        for b, (row, strides) in enumerate(table, 1):
            own, shortcut = row.dilation * dilation, strides == 1
            if stride * strides > output_stride:
                dilation, strides = dilation * strides, 1
            stride *= strides
            yield Block(row, block_name(s, b), strides, own, shortcut, index, count)
            index += 1


def _scaled(stage: AnyRow | Sequence[AnyRow], depth: float) -> list[tuple[AnyRow, int]]:
    """Returns the row and the strides of each block of a stage."""
    rows = stage if isinstance(stage, Sequence) else [stage]
    table = [(row, row.strides if b == 0 else 1) for row in rows for b in range(row.repeats)]
    count = round_repeats(len(table), depth)
    return [table[b] if b < len(table) else (table[-1][0], 1) for b in range(count)]
