"""YOLO's heads: box codes, objectness and class logits by three 1x1 convolutions of a map."""

from collections.abc import Mapping, Sequence

import keras
from keras import KerasTensor

from keras_cv_course.heads.maps import over_anchors

_BOX = 4


def yolo_head(
    maps: Mapping[str, KerasTensor],
    anchors: Sequence[int],
    classes: int,
    objectness_bias: float = 0.0,
) -> dict[str, KerasTensor]:
    """Returns "boxes" (batch, anchors, 4), "objectness" (.., 1) and "classes" (.., classes).

    Darknet predicts the three with one convolution. Apart they have the same parameters, and an
    int8 file a range for each: one step for box codes and logits alike would lose both.

    Args:
        maps: Feature maps by level, float (batch, rows, columns, channels).
        anchors: Number of anchors of a cell of each map.
        classes: Number of classes; there is none for the background.
        objectness_bias: First bias of the objectness, see `heads.retinanet.prior_bias`; 0 as in
            Darknet.

    Reference:
        YOLO9000, arXiv:1612.08242, section 2; YOLOv3, arXiv:1804.02767, section 2.3.
    """
    outputs = {}
    for name, values, bias in (
        ("boxes", _BOX, 0.0),
        ("objectness", 1, objectness_bias),
        ("classes", classes, 0.0),
    ):
        convolutions = {}
        for (level, x), count in zip(maps.items(), anchors, strict=True):
            convolutions[level] = keras.layers.Conv2D(
                count * values,
                1,
                bias_initializer=keras.initializers.Constant(bias),
                name=f"{name}_{level}_conv",
            )(x)
        outputs[name] = over_anchors(convolutions, values, name)
    return outputs
