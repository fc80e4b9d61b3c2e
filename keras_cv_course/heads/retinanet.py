"""RetinaNet's heads: two towers of convolutions that all feature maps share."""

import math
from collections.abc import Mapping

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive
from keras_cv_course.heads.maps import over_anchors

_BOX = 4
_DEPTH = 4
_DEVIATION = 0.01


def prior_bias(prior: float) -> float:
    """Returns the bias with which a sigmoid begins at `prior`, a number between 0 and 1.

    Raises:
        ValueError: If `prior` is not between 0 and 1.

    Reference:
        Focal Loss for Dense Object Detection, arXiv:1708.02002, section 4.1.
    """
    check_positive("prior", prior)
    if prior >= 1:
        raise ValueError(f"`prior` must be below 1. Received: {prior}.")
    return -math.log((1 - prior) / prior)


def retinanet_head(
    maps: Mapping[str, KerasTensor], anchors: int, classes: int, prior: float = 0.01
) -> dict[str, KerasTensor]:
    """Returns "boxes" (batch, anchors, 4) and "classes" (batch, anchors, classes).

    Args:
        maps: Feature maps by level, float (batch, rows, columns, channels), all of as many
            channels, which the towers keep.
        anchors: Number of anchors of a cell.
        classes: Number of classes; there is none for the background.
        prior: What the score of every class is before training. Were it 1/2, the loss of all the
            empty anchors would shake the first steps.

    Reference:
        Focal Loss for Dense Object Detection, arXiv:1708.02002, section 4 and figure 3.
    """
    outputs = {}
    for name, values, bias in (("boxes", _BOX, 0.0), ("classes", classes, prior_bias(prior))):
        tower = _tower(next(iter(maps.values())).shape[-1], name)
        last = _conv(anchors * values, f"{name}_conv", bias)
        convolutions = {}
        for level, x in maps.items():
            for layer in tower:
                x = layer(x)
            convolutions[level] = last(x)
        outputs[name] = over_anchors(convolutions, values, name)
    return outputs


def _tower(filters: int, name: str) -> list[keras.layers.Layer]:
    layers: list[keras.layers.Layer] = []
    for i in range(1, _DEPTH + 1):
        layers.append(_conv(filters, f"{name}_tower{i}_conv"))
        layers.append(keras.layers.ReLU(name=f"{name}_tower{i}_activation"))
    return layers


def _conv(filters: int, name: str, bias: float = 0.0) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=_DEVIATION),
        bias_initializer=keras.initializers.Constant(bias),
        name=name,
    )
