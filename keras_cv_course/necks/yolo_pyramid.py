"""YOLOv3's neck: from the coarsest map to the finest, each seeing what the coarser ones saw."""

from collections.abc import Mapping

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.separable import wide_block

_SPP_SIZES = (5, 9, 13)


def yolo_pyramid(
    maps: Mapping[str, KerasTensor],
    filters: Mapping[str, int],
    style: ConvStyle,
    separable: bool = False,
    spp: bool = False,
) -> dict[str, KerasTensor]:
    """Returns the maps that YOLOv3's heads read, by level, the finest first.

    Each is five convolutions, 1x1 and 3x3 in turn, of the backbone's map and the upsampled
    coarser one, and a 3x3 convolution for the head.

    Args:
        maps: Maps of a backbone by level, (batch, rows, columns, channels); each has twice the
            rows and columns of the next.
        filters: Channels of the 1x1 convolutions of each level; the 3x3 ones have twice as many.
        style: Activation, momentum and initializer.
        separable: Whether a 3x3 convolution is a depthwise and a pointwise one.
        spp: Whether the coarsest level also sees its map pooled over 5, 9 and 13 pixels.

    Reference:
        YOLOv3, arXiv:1804.02767, section 2.3; `yolov3.cfg` and `yolov3-spp.cfg` of Darknet.
    """
    levels = sorted(maps, key=lambda level: int(level.removeprefix("P")), reverse=True)
    pyramid: dict[str, KerasTensor] = {}
    coarser: KerasTensor | None = None
    for level in levels:
        width, name, x = filters[level], f"neck_{level}", maps[level]
        if coarser is not None:
            up = conv_bn_activation(coarser, width, 1, style, f"{name}_up")
            up = keras.layers.UpSampling2D(2, name=f"{name}_upsample")(up)
            x = keras.layers.Concatenate(name=f"{name}_concat")([up, x])
        x = conv_bn_activation(x, width, 1, style, f"{name}_block1")
        for b in (2, 3):
            x = wide_block(x, 2 * width, style, f"{name}_block{b}", separable)
            if b == 2 and spp and level == levels[0]:
                x = conv_bn_activation(x, width, 1, style, f"{name}_before_spp")
                x = _pool_pyramid(x, f"{name}_spp")
            x = conv_bn_activation(x, width, 1, style, f"{name}_block{b}_reduce")
        coarser = x
        pyramid[level] = wide_block(x, 2 * width, style, f"{name}_block4", separable)
    return dict(reversed(pyramid.items()))


def _pool_pyramid(x: KerasTensor, name: str) -> KerasTensor:
    pooled = [
        keras.layers.MaxPooling2D(size, 1, "same", name=f"{name}_{size}")(x)
        for size in reversed(_SPP_SIZES)
    ]
    return keras.layers.Concatenate(name=f"{name}_concat")([*pooled, x])
