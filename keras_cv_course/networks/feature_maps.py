"""Feature maps of a classifier, for whatever is built on top of it."""

import re
from collections.abc import Sequence

import keras

from keras_cv_course._validation import check_choice

# How builders name the layers of stem and blocks. What follows the last block is none of them.
_GROUP = re.compile(r"(stem|stage\d+_block\d+)_")


def feature_maps(model: keras.Model, levels: Sequence[str] = ("P3", "P4", "P5")) -> keras.Model:
    """Returns a model with the inputs of `model` and a dict of its feature maps.

    Level `Pn` is the output of the last block with stride 2**n, float32 (batch, height, width,
    channels); height and width are those of the input over 2**n, rounded up where padding is
    "same". The layers and their weights are those of `model`. Names of layers tell the blocks, so
    that a model which was saved and loaded works as well.

    Args:
        model: A network of this package, with or without its classifier.
        levels: Which levels, e.g. "P1" to "P5" of a network with stride 32.

    Raises:
        ValueError: If the model is not one of this package, or has no such level.

    Example:
        >>> maps = feature_maps(MobileNetV2(include_top=False), ("P4", "P5"))(pictures)
        >>> maps["P5"].shape
        (8, 7, 7, 320)
    """
    levels = (levels,) if isinstance(levels, str) else tuple(levels)
    available = _available(model)
    if not available:
        raise ValueError(
            "`model` must be a network of this package, whose layers are named like "
            f"'stage1_block1_project_conv'. Received: {model.name!r}, with none of that name. "
            "If it holds such a network as a layer, pass that one."
        )
    if not levels:
        raise ValueError(f"`levels` must name at least one of {sorted(available)}. Received none.")
    for level in levels:
        check_choice("levels", level, sorted(available))
    outputs = {level: available[level].output for level in levels}
    return keras.Model(model.input, outputs, name=f"{model.name}_feature_maps")


def _available(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Returns the last layer of the last block of each level."""
    last: dict[str, keras.layers.Layer] = {}
    strides: dict[str, int] = {}
    for layer in model.layers:
        match = _GROUP.match(layer.name)
        if match is not None:
            group = match.group(1)
            last[group] = layer
            strides[group] = max(strides.get(group, 1), _stride(layer))
    available = {}
    stride = 1
    for group, layer in last.items():
        stride *= strides[group]
        level = stride.bit_length() - 1
        if level > 0 and stride == 2**level:
            available[f"P{level}"] = layer
    return available


def _stride(layer: keras.layers.Layer) -> int:
    strides = getattr(layer, "strides", 1)
    return max(strides) if isinstance(strides, tuple | list) else int(strides)
