"""The feature pyramid: maps as fine as the early ones and as telling as the late ones."""

from collections.abc import Mapping, Sequence

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_whole

_PREFIX = "P"


def fpn(
    maps: Mapping[str, KerasTensor], filters: int = 256, more: Sequence[str] = ()
) -> dict[str, KerasTensor]:
    """Returns the pyramid of feature maps, by level, the finest first, each of `filters` channels.

    Args:
        maps: Maps of a backbone by level, e.g. "P3", "P4", "P5", (batch, rows, columns, channels);
            each has twice the rows and columns of the next.
        filters: Channels of the pyramid.
        more: Coarser levels on top, e.g. ("P6", "P7"): each a 3x3 convolution with stride 2 of the
            one before, activated but for the first.

    Raises:
        ValueError: If a map is not twice as large as the next.

    Reference:
        Feature Pyramid Networks, arXiv:1612.03144, section 3; P6 and P7 as in RetinaNet,
        arXiv:1708.02002, section 4, but from P5 and not from the backbone's map, which gives the
        parameters of torchvision.
    """
    check_whole("filters", filters)
    levels = sorted(maps, key=lambda level: int(level.removeprefix(_PREFIX)))
    laterals = {
        level: keras.layers.Conv2D(filters, 1, name=f"fpn_{level}_lateral_conv")(maps[level])
        for level in levels
    }
    merged = {levels[-1]: laterals[levels[-1]]}
    for level, above in zip(levels[-2::-1], levels[:0:-1], strict=True):
        _check_halved(level, laterals[level], above, laterals[above])
        up = keras.layers.UpSampling2D(2, name=f"fpn_{above}_up")(merged[above])
        merged[level] = keras.layers.Add(name=f"fpn_{level}_add")([laterals[level], up])
    pyramid = {level: _conv(merged[level], filters, f"fpn_{level}") for level in levels}
    x = pyramid[levels[-1]]
    for i, level in enumerate(more):
        if i > 0:
            x = keras.layers.ReLU(name=f"fpn_{level}_relu")(x)
        x = pyramid[level] = _conv(x, filters, f"fpn_{level}", strides=2)
    return pyramid


def _conv(x: KerasTensor, filters: int, name: str, strides: int = 1) -> KerasTensor:
    return keras.layers.Conv2D(filters, 3, strides=strides, padding="same", name=f"{name}_conv")(x)


def _check_halved(level: str, fine: KerasTensor, above: str, coarse: KerasTensor) -> None:
    if any(
        f is not None and c is not None and f != 2 * c
        for f, c in zip(fine.shape[1:3], coarse.shape[1:3], strict=True)
    ):
        raise ValueError(
            f"Map {level!r} must have twice the height and width of {above!r}, to be added. "
            f"Received: {tuple(fine.shape[1:3])} and {tuple(coarse.shape[1:3])}. Choose a height "
            "and width of the input that are multiples of the backbone's stride, e.g. of 32."
        )
