"""Feature maps of a classifier, on which other networks are built."""

from collections.abc import Sequence

import keras

from keras_cv_course._validation import check_choice
from keras_cv_course.names import STEM, parse, unnamed_message
from keras_cv_course.networks.strides import Factor, output_strides


def feature_maps(model: keras.Model, levels: Sequence[str] = ("P3", "P4", "P5")) -> keras.Model:
    """Returns a model with the inputs of `model` and a dict of its feature maps.

    Calling it on a batch of images gives the dict. Level `Pn` is the output of the last block with
    stride 2**n, or of the stem where no block has it: float32 (batch, height, width, channels);
    height and width are those of the input over 2**n, rounded up where padding is "same". The
    layers and their weights are those of `model`. Blocks are found by the names of their layers,
    strides along the graph, so that a model which was saved and loaded works as well.

    Args:
        model: A network of this package, with or without its classifier.
        levels: Which levels, e.g. "P1" to "P5" of a network with stride 32.

    Raises:
        ValueError: If the model is not one of this package, or has no such level.

    Example:
        >>> maps = feature_maps(MobileNetV2(include_top=False), ("P4", "P5"))(images)
        >>> maps["P5"].shape
        (8, 7, 7, 320)
    """
    levels = (levels,) if isinstance(levels, str) else tuple(levels)
    available = _available(model)
    if not available:
        raise ValueError(unnamed_message(model.name))
    if not levels:
        raise ValueError(f"`levels` must name at least one of {sorted(available)}. Received none.")
    for level in levels:
        check_choice("levels", level, sorted(available))
    outputs = {level: available[level].output for level in levels}
    return keras.Model(model.input, outputs, name=f"{model.name}_feature_maps")


def _available(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """Returns the last layer of the last block of each level, or of the stem at that stride."""
    strides = output_strides(model)
    last: dict[str, keras.layers.Layer] = {}  # the last layer of each place wins
    for layer in model.layers:
        place = parse(layer.name)
        if place is None or not (place.stage or place.group == STEM):
            continue
        # A stem is a chain that may halve the size more than once; what lies inside a block may be
        # wider than its output, and is not a feature map.
        level = _level(strides.get(layer.name)) if place.group == STEM else ""
        last[f"{place.group} {level}"] = layer
    available = {}
    for layer in last.values():
        level = _level(strides.get(layer.name))
        if level:
            available[level] = layer
    return available


def _level(stride: Factor | None) -> str:
    """Returns "P3" for a stride of 8; empty for 1 and for what is not a power of 2."""
    if stride is None or stride[0] != stride[1] or stride[0].denominator != 1:
        return ""
    size = stride[0].numerator
    return f"P{size.bit_length() - 1}" if size > 1 and size & (size - 1) == 0 else ""
