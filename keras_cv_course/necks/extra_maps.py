"""SSD's further feature maps, each of half the size of the one before."""

from collections.abc import Sequence

from keras import KerasTensor

from keras_cv_course.blocks.convolution import (
    ConvStyle,
    conv_activation,
    conv_bn_activation,
    depthwise_bn_activation,
)

# Figure 2, arXiv:1512.02325: filters of the 1x1 and of the 3x3 convolution, stride, padding.
_SSD300 = (
    (256, 512, 2, "same"),
    (128, 256, 2, "same"),
    (128, 256, 1, "valid"),
    (128, 256, 1, "valid"),
)
LITE_FILTERS = (512, 256, 256, 128)


def ssd300_maps(x: KerasTensor, style: ConvStyle) -> list[KerasTensor]:
    """Returns conv8_2 to conv11_2 of SSD300: maps of 10, 5, 3 and 1 from one of 19.

    Args:
        x: float tensor (batch, rows, columns, channels).
        style: Activation and initializer.

    Reference:
        SSD, arXiv:1512.02325, figure 2.
    """
    maps = []
    for i, (reduced, filters, strides, padding) in enumerate(_SSD300, 1):
        x = conv_activation(x, reduced, 1, style, f"extra{i}_reduce")
        x = conv_activation(x, filters, 3, style, f"extra{i}", strides, padding)
        maps.append(x)
    return maps


def lite_maps(
    x: KerasTensor, style: ConvStyle, filters: Sequence[int] = LITE_FILTERS
) -> list[KerasTensor]:
    """Returns SSDLite's further maps: 1x1, depthwise 3x3 with stride 2, and 1x1 convolutions.

    Args:
        x: float tensor (batch, rows, columns, channels).
        style: Activation, momentum and initializer.
        filters: Channels of each map; half as many within.

    Reference:
        MobileNetV2, arXiv:1801.04381, section 6.2; widths of torchvision's SSDLite320.
    """
    maps = []
    for i, width in enumerate(filters, 1):
        x = conv_bn_activation(x, width // 2, 1, style, f"extra{i}_reduce")
        x = depthwise_bn_activation(x, 3, style, f"extra{i}_depthwise", strides=2)
        x = conv_bn_activation(x, width, 1, style, f"extra{i}")
        maps.append(x)
    return maps
