"""What all builders of segmenters share: the input or the backbone, and the finished model."""

from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import MOST_SIZE_PX, check_at_most, check_choice
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.names import IMAGE, LOGITS, PREDICTIONS, SPEC
from keras_cv_course.registry import MODELS, build_model, list_models
from keras_cv_course.specs.model_spec import ModelSpec

_MOMENTUM = 0.99
_MOST_CLASSES = 255  # One byte a pixel, and one value for pixels without a class.
InputShape = tuple[int | None, int | None, int]


def check_classes(classes: int) -> None:
    """Raises ValueError unless `classes` is a number of classes that masks can hold."""
    check_at_most("classes", classes, _MOST_CLASSES)


def decoder_style(batch_norm_momentum: float | None) -> ConvStyle:
    """Returns what the convolutions that are not the backbone's have in common.

    Args:
        batch_norm_momentum: Weight of the past in the moving statistics; 0.99 when None.
    """
    momentum = _MOMENTUM if batch_norm_momentum is None else batch_norm_momentum
    return ConvStyle("relu", momentum, "he_normal")


def make_input(model: str, input_shape: InputShape, divisor: int) -> KerasTensor:
    """Returns the image (batch, height, width, channels) that a network without backbone takes.

    Args:
        model: Name in the registry, whose range the image has.
        input_shape: (height, width, channels); height and width may be None.
        divisor: What height and width must be multiples of.

    Raises:
        ValueError: If the shape does not fit.
    """
    _check_shape(input_shape, divisor)
    image = keras.Input(tuple(input_shape), name=IMAGE)
    return SpecCarrier(ModelSpec(input_range=MODELS[model].input_range), name=SPEC)(image)


def open_backbone(
    backbone: "str | keras.Model",
    input_shape: InputShape,
    batch_norm_momentum: float | None,
    **options: Any,
) -> keras.Model:
    """Returns a backbone with a feature map as output.

    Args:
        backbone: A classifier's name in the registry, or a model without its classifier.
        input_shape: (height, width, channels), for a name.
        batch_norm_momentum: For a name; None is the family's own.
        **options: Further arguments of the builder, for a name.

    Raises:
        TypeError: If `backbone` is neither a name nor a model.
        ValueError: If there is no such name, the output is no feature map, or height and width of
            the input are no multiples of 32.
    """
    if isinstance(backbone, str):
        check_choice("backbone", backbone, list_models("classifier"))
        if batch_norm_momentum is not None:
            options["batch_norm_momentum"] = batch_norm_momentum
        backbone = build_model(backbone, input_shape=input_shape, include_top=False, **options)
    if not isinstance(backbone, keras.Model):
        raise TypeError(
            "`backbone` must be a classifier's name, e.g. 'mobilenet_v2', or a keras.Model. "
            f"Received: {backbone!r}."
        )
    if len(backbone.inputs) != 1 or len(backbone.outputs) != 1 or len(backbone.output.shape) != 4:
        raise ValueError(
            "`backbone` must make of one image a feature map (batch, rows, columns, channels). "
            f"Received: {backbone.name!r} with the outputs "
            f"{[tuple(x.shape) for x in backbone.outputs]}. Build it with include_top=False."
        )
    _check_shape(tuple(backbone.inputs[0].shape[1:]), 32)
    return backbone


def finish_segmenter(
    image: KerasTensor, logits: KerasTensor, activation: Any, name: str
) -> keras.Model:
    """Returns the model from an image to the scores of each class for each pixel.

    Args:
        image: The input, or what carries its spec.
        logits: Output of the layer "logits", (batch, height, width, classes).
        activation: What makes scores of logits, e.g. "softmax"; None leaves them.
        name: Name of the model.
    """
    if activation is not None:
        logits = keras.layers.Activation(activation, name=PREDICTIONS)(logits)
    return keras.Model(keras.utils.get_source_inputs(image)[0], logits, name=name)


def enlarged(x: KerasTensor, factor: int, name: str = LOGITS) -> KerasTensor:
    """Returns maps that are `factor` times as high and wide, interpolated bilinearly."""
    return keras.layers.UpSampling2D(factor, interpolation="bilinear", name=name)(x)


def _check_shape(input_shape: tuple[int | None, ...], divisor: int) -> None:
    sides = tuple(input_shape)[:2]
    if len(input_shape) != 3 or not all(
        side is None or (isinstance(side, int) and 0 < side <= MOST_SIZE_PX) for side in sides
    ):
        raise ValueError(
            f"`input_shape` must be (height, width, channels), height and width at most "
            f"{MOST_SIZE_PX} or None. Received: {input_shape}. For example (224, 224, 3)."
        )
    if any(side is not None and side % divisor for side in sides):
        near = tuple(side and max(round(side / divisor), 1) * divisor for side in sides)
        raise ValueError(
            f"`input_shape` height and width must be multiples of {divisor}, so that maps meet "
            f"again when they are enlarged. Received: {tuple(input_shape)}. Nearest: "
            f"{(*near, input_shape[2])}."
        )
