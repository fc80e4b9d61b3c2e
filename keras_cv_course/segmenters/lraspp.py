"""LR-ASPP: the segmentation head of MobileNetV3, on any backbone."""

from typing import Any

import keras

from keras_cv_course._validation import check_choice, check_whole, suggest_keywords
from keras_cv_course.blocks.convolution import conv_bn_activation
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.networks.strides import output_strides
from keras_cv_course.segmenters._build import (
    InputShape,
    check_classes,
    decoder_style,
    enlarged,
    finish_segmenter,
    open_backbone,
)

_LOW = 3  # log2 of the stride of the finer map


@suggest_keywords
def LRASPP(
    backbone: "str | keras.Model" = "mobilenet_v3_large",
    classes: int = 21,
    input_shape: InputShape = (224, 224, 3),
    filters: int = 128,
    output_stride: int = 16,
    batch_norm_momentum: float | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
) -> keras.Model:
    """Returns a mobile segmenter that gives logits for each class and pixel.

    The backbone's last map goes through a 1x1 convolution and is weighted, channel by channel, by
    what its mean says; scores of it are enlarged to stride 8, added to scores of the backbone's map
    of that stride, and enlarged to the size of the image. 3,221,538 parameters learn with
    MobileNetV3-Large and 21 classes, as in torchvision; images are what the backbone takes.

    Args:
        backbone: A classifier's name in the registry, or a model without its classifier.
        classes: Number of classes, the background included; at most 255.
        input_shape: (height, width, channels), multiples of 32, for a name; height and width may be
            None.
        filters: Channels of the 1x1 convolution.
        output_stride: 16 or 32: stride of the last map of a backbone that is built here. At 16 its
            last blocks are dilated.
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99, and the
            family's own for a backbone that is built here.
        classifier_activation: "softmax" for probabilities, None for logits.
        name: Name of the model; "lraspp" when None.

    Returns:
        A model with one output, float32 (batch, height, width, classes).

    Raises:
        ValueError: If an argument is out of range, or the backbone or its size does not fit.
        TypeError: If `backbone` is neither a name nor a model.

    Example:
        >>> LRASPP("mobilenet_v3_small", classes=2, input_shape=(256, 256, 3)).output_shape
        (None, 256, 256, 2)

    Reference:
        Searching for MobileNetV3, arXiv:1905.02244, section 6.4 and figure 10. The mean is over the
        whole map and not over windows of 49x49 with steps of 16x20, as in torchvision, so that the
        network takes images of any size.
    """
    check_classes(classes)
    check_whole("filters", filters)
    check_choice("output_stride", output_stride, (16, 32))
    style = decoder_style(batch_norm_momentum)
    body = open_backbone(backbone, input_shape, batch_norm_momentum, output_stride=output_stride)
    stride = output_strides(body)[body.layers[-1].name]
    assert stride is not None  # `open_backbone` has seen that it is a map.
    low, high = feature_maps(body, (f"P{_LOW}",)).output[f"P{_LOW}"], body.output
    x = conv_bn_activation(high, filters, 1, style, "lraspp")
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="lraspp_pool")(high)
    gate = keras.layers.Conv2D(
        filters, 1, use_bias=False, activation="sigmoid", name="lraspp_gate"
    )(mean)
    x = keras.layers.Multiply(name="lraspp_scale")([x, gate])
    # 1x1 convolutions and enlargement can change places; this order is the cheaper one.
    scores = keras.layers.Conv2D(classes, 1, name="score_high_conv")(x)
    scores = enlarged(scores, int(stride[0]) >> _LOW, "score_high_resize")
    detail = keras.layers.Conv2D(classes, 1, name="score_low_conv")(low)
    scores = keras.layers.Add(name="score_add")([scores, detail])
    logits = enlarged(scores, 2**_LOW)
    return finish_segmenter(body.input, logits, classifier_activation, name or "lraspp")
