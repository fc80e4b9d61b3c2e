"""SSD's heads: box codes and class logits by a convolution of each feature map."""

from collections.abc import Mapping, Sequence

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import ConvStyle, depthwise_bn_activation
from keras_cv_course.heads.maps import over_anchors

_BOX = 4


def ssd_head(
    maps: Mapping[str, KerasTensor],
    anchors: Sequence[int],
    logits: int,
    lite: ConvStyle | None = None,
    kernel_size: int = 3,
) -> dict[str, KerasTensor]:
    """Returns "boxes" (batch, anchors, 4) and "classes" (batch, anchors, logits).

    Args:
        maps: Feature maps by level, float (batch, rows, columns, channels).
        anchors: Number of anchors of a cell of each map.
        logits: Numbers of an anchor's classes, the background included.
        lite: None is one convolution. A style makes it SSDLite's: depthwise 3x3, normalized and
            activated, and 1x1.
        kernel_size: Height and width of the window of that one convolution.

    Reference:
        SSD, arXiv:1512.02325, section 2.1; SSDLite: MobileNetV2, arXiv:1801.04381, section 6.2.
    """
    outputs = {}
    for name, values in (("boxes", _BOX), ("classes", logits)):
        convolutions = {}
        for (level, x), count in zip(maps.items(), anchors, strict=True):
            prefix = f"{name}_{level}"
            if lite is None:
                conv = keras.layers.Conv2D(
                    count * values, kernel_size, padding="same", name=f"{prefix}_conv"
                )
            else:
                x = depthwise_bn_activation(x, 3, lite, f"{prefix}_depthwise")
                conv = keras.layers.Conv2D(
                    count * values,
                    1,
                    kernel_initializer=lite.kernel_initializer,
                    name=f"{prefix}_conv",
                )
            convolutions[level] = conv(x)
        outputs[name] = over_anchors(convolutions, values, name)
    return outputs
