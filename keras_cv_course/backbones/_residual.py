"""What builders of residual networks share: widths, style and the numbers of a block."""

from dataclasses import replace

from keras_cv_course.backbones.rows import AnyRow, Block
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.blocks.residual import Residual
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite

# Of torchvision's and timm's networks.
TORCH_STYLE = ConvStyle("relu", 0.9, "he_normal", 1e-5)


def scaled(filters: int, alpha: float, groups: int = 1) -> int:
    """Returns `alpha` times as many filters, rounded down to whole groups, and at least one each.

    Example:
        >>> scaled(64, 0.25), scaled(128, 0.25, groups=32)
        (16, 32)
    """
    return max(1, int(filters // groups * alpha)) * groups


def restyled(style: ConvStyle, activation: str, batch_norm_momentum: float | None) -> ConvStyle:
    """Returns a family's style with another activation, and another momentum unless it is None."""
    momentum = style.batch_norm_momentum if batch_norm_momentum is None else batch_norm_momentum
    return replace(style, activation=activation, batch_norm_momentum=momentum)


def residual_of(
    block: Block[AnyRow],
    filters: int,
    channels: int,
    drop_connect_rate: float,
    squeeze: SqueezeExcite | None = None,
    centred: bool = True,
) -> Residual:
    """Returns the numbers of a residual block.

    Args:
        block: Place, step and dilation.
        filters: Channels of its output.
        channels: Channels of its input, which is projected if they are others, or if it has a step.
        drop_connect_rate: Probability of skipping the last block; grows linearly from 0.
        squeeze: Squeeze-and-excitation of what is added to the input, or None.
        centred: Whether strided windows have zeros on all sides, or "same" padding.
    """
    dilated = not block.shortcut and block.strides == 1
    return Residual(
        block.name,
        filters,
        block.strides,
        block.dilation,
        block.dilation * (block.row.strides if dilated else 1),
        not block.shortcut or channels != filters,
        squeeze,
        drop_connect_rate * block.index / block.count,
        centred,
    )
