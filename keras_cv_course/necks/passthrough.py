"""YOLOv2's neck: the last map beside the values of the one before, folded to its size."""

from collections.abc import Mapping

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.separable import wide_block
from keras_cv_course.blocks.space_to_depth import space_to_depth


def passthrough(
    maps: Mapping[str, KerasTensor],
    filters: int,
    narrow_filters: int,
    style: ConvStyle,
    separable: bool = False,
) -> dict[str, KerasTensor]:
    """Returns the map that YOLOv2's head reads, as "P5".

    Two 3x3 convolutions of P5; P4, narrowed by a 1x1 convolution and folded to a quarter of its
    pixels; both side by side, and another 3x3 convolution.

    Args:
        maps: "P4" and "P5" of a backbone, (batch, rows, columns, channels).
        filters: Channels of the 3x3 convolutions.
        narrow_filters: Channels that P4 is narrowed to.
        style: Activation, momentum and initializer.
        separable: Whether a 3x3 convolution is a depthwise and a pointwise one.

    Reference:
        YOLO9000, arXiv:1612.08242, section 2, "Fine-Grained Features"; `yolov2.cfg` of Darknet.
    """
    x = maps["P5"]
    for b in (1, 2):
        x = wide_block(x, filters, style, f"neck_block{b}", separable)
    fine = conv_bn_activation(maps["P4"], narrow_filters, 1, style, "neck_fine")
    fine = space_to_depth(fine, "neck_fine")
    x = keras.layers.Concatenate(name="neck_concat")([fine, x])
    return {"P5": wide_block(x, filters, style, "neck_block3", separable)}
