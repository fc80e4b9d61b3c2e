"""What all builders of detectors share: the backbone, and the finished model with its anchors."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_choice
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.registry import build_model, list_models
from keras_cv_course.specs.detection import DetectionSpec

_HEAD_MOMENTUM = 0.99  # of batch normalization behind the backbone


def head_style(batch_norm_momentum: float | None) -> ConvStyle:
    """Returns what the convolutions behind a mobile backbone have in common.

    Args:
        batch_norm_momentum: Weight of the past in the moving statistics; 0.99 when None.

    Raises:
        ValueError: If it is not at least 0 and below 1.
    """
    momentum = _HEAD_MOMENTUM if batch_norm_momentum is None else batch_norm_momentum
    return ConvStyle("relu6", momentum, "he_normal")


def named_backbone(name: str, **options: Any) -> keras.Model:
    """Returns a new classifier of the registry without its classifier.

    Args:
        name: The classifier's name.
        **options: Arguments of its builder.

    Raises:
        ValueError: If there is no such classifier; the nearest names are suggested.
    """
    check_choice("backbone", name, list_models("classifier"))
    return build_model(name, include_top=False, **options)


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
        TypeError: If `backbone` is neither a name nor a model.
        ValueError: If there is no such name, the size of the input is free, or the output is no
            feature map.
    """
    if isinstance(backbone, str):
        options: dict[str, Any] = {"input_shape": input_shape}
        if batch_norm_momentum is not None:
            options["batch_norm_momentum"] = batch_norm_momentum
        backbone = named_backbone(backbone, **options)
    if not isinstance(backbone, keras.Model):
        raise TypeError(
            "`backbone` must be a classifier's name, e.g. 'mobilenet_v2', or a keras.Model. "
            f"Received: {backbone!r}."
        )
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


def check_size_px(size_px: Sequence[int | None], stride: int) -> None:
    """Raises ValueError unless height and width of a network's input are multiples of a stride."""
    if all(side and side % stride == 0 for side in size_px):
        return
    near = tuple(side and max(round(side / stride), 1) * stride for side in size_px)
    raise ValueError(
        f"`input_shape` height and width must be known multiples of {stride}, the stride of the "
        f"last feature map. Received: {tuple(size_px)}. Nearest: {near}."
    )


def finish_detector(
    image: KerasTensor,
    heads: Mapping[str, KerasTensor],
    spec: DetectionSpec,
    name: str,
) -> keras.Model:
    """Returns the model from an image to raw outputs, with the spec at its box codes.

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
