"""What all builders of detectors share: the backbone, and the finished model with its anchors."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.ops.detection_spec import DetectionSpec
from keras_cv_course.registry import build_model

HEAD_MOMENTUM = 0.99  # of batch normalization behind the backbone


def open_backbone(
    backbone: "str | keras.Model",
    input_shape: tuple[int, int, int],
    batch_norm_momentum: float | None,
) -> keras.Model:
    """Returns a backbone with an input of fixed size and a feature map as output.

    Args:
        backbone: A classifier's name in the registry, or a model without its classifier.
        input_shape: (height, width, channels), for a name.
        batch_norm_momentum: For a name; None is the family's own.

    Raises:
        ValueError: If the size of the input is free, or the output is no feature map.
    """
    if isinstance(backbone, str):
        options: dict[str, Any] = {"input_shape": input_shape, "include_top": False}
        if batch_norm_momentum is not None:
            options["batch_norm_momentum"] = batch_norm_momentum
        return build_model(backbone, **options)
    shape, output = backbone.inputs[0].shape, backbone.outputs[0]
    if len(backbone.inputs) != 1 or None in shape[1:]:
        raise ValueError(
            "`backbone` must have one input of fixed size, since anchors depend on it. Received: "
            f"{backbone.name!r} with {[tuple(x.shape) for x in backbone.inputs]}. Build it with "
            "input_shape=(height, width, channels)."
        )
    if len(output.shape) != 4:
        raise ValueError(
            "`backbone` must give a feature map (batch, rows, columns, channels). Received: "
            f"{backbone.name!r} with the output {tuple(output.shape)}. Build it with "
            "include_top=False."
        )
    return backbone


def finish_detector(
    image: KerasTensor,
    heads: Mapping[str, KerasTensor],
    spec: DetectionSpec,
    name: str,
) -> keras.Model:
    """Returns the model from a picture to raw outputs, with the spec at its box codes.

    Args:
        image: The input.
        heads: "boxes", "classes" and, where the spec has it, "objectness", each (batch, anchors,
            values).
        spec: What they mean.
        name: Name of the model.
    """
    outputs = {"boxes": BoxCodes(spec, name="boxes")(heads["boxes"])}
    for key in sorted(set(heads) - set(outputs)):
        outputs[key] = keras.layers.Identity(name=key)(heads[key])
    return keras.Model(image, outputs, name=name)
