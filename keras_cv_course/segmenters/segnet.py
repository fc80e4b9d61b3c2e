"""SegNet: VGG16's convolutions, and their mirror image that puts values back where they were."""

from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive, suggest_keywords
from keras_cv_course.backbones.vgg import VGG16_ROWS
from keras_cv_course.blocks.convolution import ConvStyle, activate, normalize
from keras_cv_course.blocks.unpooling import max_unpool
from keras_cv_course.names import LOGITS
from keras_cv_course.ops.scaling import make_divisible
from keras_cv_course.segmenters._build import (
    InputShape,
    check_classes,
    decoder_style,
    finish_segmenter,
    make_input,
)


@suggest_keywords
def SegNet(
    classes: int = 12,
    input_shape: InputShape = (224, 224, 3),
    alpha: float = 1.0,
    batch_norm_momentum: float | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
) -> keras.Model:
    """Returns a SegNet that gives logits for each class and pixel.

    The thirteen convolutions of VGG16, each with bias and batch normalization, and five poolings;
    then unpooling, which puts each value where the largest of four was, and the same convolutions
    backwards. 29,449,932 parameters learn for 12 classes, 29,449,355 for 11. Images are floats in
    [0, 1]. See `blocks.unpooling.max_unpool` for the form that runs in int8.

    Args:
        classes: Number of classes; at most 255.
        input_shape: (height, width, channels), multiples of 32.
        alpha: Factor of the number of filters, made divisible by 8.
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        classifier_activation: "softmax" for probabilities, None for logits.
        name: Name of the model; "segnet" when None.

    Returns:
        A model with one output, float32 (batch, height, width, classes).

    Raises:
        ValueError: If an argument is out of range, or the size does not fit.

    Example:
        >>> SegNet(11, (352, 480, 3), alpha=0.25).output_shape
        (None, 352, 480, 11)

    Reference:
        SegNet, arXiv:1511.00561, section 3 and figure 2.
    """
    check_classes(classes)
    check_positive("alpha", alpha)
    style = decoder_style(batch_norm_momentum)
    image = make_input("segnet", input_shape, 2 ** len(VGG16_ROWS))
    widths = [make_divisible(row.filters * alpha) for row in VGG16_ROWS]
    x, poolings = image, []
    for s, (row, filters) in enumerate(zip(VGG16_ROWS, widths, strict=True), 1):
        for b in range(1, row.repeats + 1):
            x = _conv(x, filters, style, f"encoder{s}_{b}")
        pooled = keras.layers.MaxPooling2D(2, name=f"encoder{s}_pool")(x)
        poolings.append((x, pooled))
        x = pooled
    for s in range(len(VGG16_ROWS), 0, -1):
        x = max_unpool(x, *poolings[s - 1], f"decoder{s}_unpool")
        # The last convolution of a stage has the next one's filters, that of the first the classes.
        mirrored = [widths[s - 1]] * (VGG16_ROWS[s - 1].repeats - 1) + widths[:s][-2:-1]
        for b, width in enumerate(mirrored, 1):
            x = _conv(x, width, style, f"decoder{s}_{b}")
    logits = keras.layers.Conv2D(classes, 3, padding="same", name=LOGITS)(x)
    return finish_segmenter(image, logits, classifier_activation, name or "segnet")


def _conv(x: KerasTensor, filters: int, style: ConvStyle, name: str) -> KerasTensor:
    x = keras.layers.Conv2D(
        filters, 3, padding="same", kernel_initializer=style.kernel_initializer, name=f"{name}_conv"
    )(x)
    return activate(normalize(x, style, f"{name}_bn"), style.activation, f"{name}_activation")
