"""Fully convolutional networks: scores at three sizes, added and enlarged."""

from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_rate, suggest_keywords
from keras_cv_course.backbones.vgg import VGG16_ROWS, vgg_stages
from keras_cv_course.blocks.convolution import ConvStyle, conv_activation
from keras_cv_course.layers.bilinear import BilinearInitializer
from keras_cv_course.names import LOGITS, block_name
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.segmenters._build import (
    InputShape,
    check_classes,
    finish_segmenter,
    make_input,
    open_backbone,
)

_CLASSES = 21  # of Pascal VOC, the background included
_SHAPE: InputShape = (224, 224, 3)
_FINEST = {32: "P5", 16: "P4", 8: "P3"}
_DENSE_FILTERS = 4096


@suggest_keywords
def FCN32s(
    backbone: "str | keras.Model | None" = None,
    classes: int = _CLASSES,
    input_shape: InputShape = _SHAPE,
    dropout_rate: float = 0.5,
    batch_norm_momentum: float | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
) -> keras.Model:
    """Returns an FCN-32s: scores at stride 32, enlarged at once. Takes what `FCN8s` takes."""
    options = (classes, input_shape, dropout_rate, batch_norm_momentum, classifier_activation)
    return _fcn("fcn32s", 32, backbone, *options, name)


@suggest_keywords
def FCN16s(
    backbone: "str | keras.Model | None" = None,
    classes: int = _CLASSES,
    input_shape: InputShape = _SHAPE,
    dropout_rate: float = 0.5,
    batch_norm_momentum: float | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
) -> keras.Model:
    """Returns an FCN-16s: scores at strides 32 and 16. Takes what `FCN8s` takes."""
    options = (classes, input_shape, dropout_rate, batch_norm_momentum, classifier_activation)
    return _fcn("fcn16s", 16, backbone, *options, name)


@suggest_keywords
def FCN8s(
    backbone: "str | keras.Model | None" = None,
    classes: int = _CLASSES,
    input_shape: InputShape = _SHAPE,
    dropout_rate: float = 0.5,
    batch_norm_momentum: float | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
) -> keras.Model:
    """Returns an FCN-8s that gives logits for each class and pixel.

    1x1 convolutions score the maps of stride 32, 16 and 8. Scores are enlarged by transposed
    convolutions, which begin as bilinear interpolation, and added; those of stride 16 and 8 begin
    as 0, so that an FCN-16s and an FCN-8s begin as the network before them. Without a backbone it
    is VGG16 with its dense layers as 7x7 and 1x1 convolutions: 134,489,759 parameters for 21
    classes, for images as floats in [0, 1].

    The paper pads images by 100 pixels, crops the scores, and trains the filters of its last
    enlargement not at all; here padding is "same", and all filters learn.

    Args:
        backbone: A classifier's name in the registry, a model without its classifier, or None for
            the paper's VGG16.
        classes: Number of classes, the background included; at most 255.
        input_shape: (height, width, channels), multiples of 32; height and width may be None.
        dropout_rate: Share of the values before the scores of stride 32 that training sets to
            zero, in [0, 1).
        batch_norm_momentum: Weight of the past in the moving statistics of a backbone that is
            built here; None is the family's own.
        classifier_activation: "softmax" for probabilities, None for logits.
        name: Name of the model; "fcn8s" when None.

    Returns:
        A model with one output, float32 (batch, height, width, classes).

    Raises:
        ValueError: If an argument is out of range, or the backbone or the size does not fit.
        TypeError: If `backbone` is neither a name nor a model.

    Example:
        >>> FCN8s("mobilenet_v2", classes=11, input_shape=(192, 256, 3)).output_shape
        (None, 192, 256, 11)

    Reference:
        Fully Convolutional Networks for Semantic Segmentation, arXiv:1411.4038, sections 3.3 and
        4.2 and figure 3.
    """
    options = (classes, input_shape, dropout_rate, batch_norm_momentum, classifier_activation)
    return _fcn("fcn8s", 8, backbone, *options, name)


def _fcn(
    model: str,
    stride: int,
    backbone: "str | keras.Model | None",
    classes: int,
    input_shape: InputShape,
    dropout_rate: float,
    batch_norm_momentum: float | None,
    classifier_activation: Any,
    name: str | None,
) -> keras.Model:
    check_classes(classes)
    check_rate("dropout_rate", dropout_rate)
    if backbone is None:
        image = make_input(model, input_shape, 32)
        maps = _vgg16(image, dropout_rate)
    else:
        body = open_backbone(backbone, input_shape, batch_norm_momentum)
        image = body.input
        finer = [level for level in ("P4", "P3") if level >= _FINEST[stride]]
        skips = feature_maps(body, finer).output if finer else {}
        maps = {"P5": _dropped(body.output, dropout_rate, "score_dropout"), **skips}
    logits = _joined(maps, classes, stride)
    return finish_segmenter(image, logits, classifier_activation, name or model)


def _joined(maps: dict[str, KerasTensor], classes: int, stride: int) -> KerasTensor:
    x = _score(maps["P5"], classes, "P5", "glorot_uniform")
    for level in ("P4", "P3"):
        if level < _FINEST[stride]:
            break
        x = _enlarged(x, 2, f"score_{level}_up")
        score = _score(maps[level], classes, level, "zeros")
        x = keras.layers.Add(name=f"score_{level}_add")([x, score])
    return _enlarged(x, stride, LOGITS)


def _score(x: KerasTensor, classes: int, level: str, initializer: str) -> KerasTensor:
    return keras.layers.Conv2D(
        classes, 1, kernel_initializer=initializer, name=f"score_{level}_conv"
    )(x)


def _enlarged(x: KerasTensor, factor: int, name: str) -> KerasTensor:
    return keras.layers.Conv2DTranspose(
        x.shape[-1],
        2 * factor,
        factor,
        padding="same",
        use_bias=False,
        kernel_initializer=BilinearInitializer(),
        name=name,
    )(x)


def _vgg16(image: KerasTensor, dropout_rate: float) -> dict[str, KerasTensor]:
    """Returns VGG16's maps behind its third and fourth pooling, and what its dense layers make."""
    style = ConvStyle("relu")
    stages = vgg_stages(image, VGG16_ROWS, style, pool_padding="same")
    body = keras.Model(keras.utils.get_source_inputs(image)[0], stages["stage5"])
    # Each stage but the first begins with the pooling of the one before.
    pooled = {f"P{s - 1}": body.get_layer(f"{block_name(s, 1)}_pool").output for s in (4, 5)}
    x = keras.layers.MaxPooling2D(2, padding="same", name="fc6_pool")(stages["stage5"])
    for part, size in (("fc6", 7), ("fc7", 1)):
        x = conv_activation(x, _DENSE_FILTERS, size, style, part)
        x = _dropped(x, dropout_rate, f"{part}_dropout")
    return {"P5": x, **pooled}


def _dropped(x: KerasTensor, rate: float, name: str) -> KerasTensor:
    return keras.layers.Dropout(rate, name=name)(x) if rate > 0 else x
