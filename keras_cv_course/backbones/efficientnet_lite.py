"""EfficientNet-Lite: EfficientNet without what small integer hardware is slow at."""

import os
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course.backbones._build import BuildOptions, Head, finish, make_input
from keras_cv_course.backbones._efficientnet import (
    BASE_SIZE_PX,
    CONV_INITIALIZER,
    DENSE_INITIALIZER,
    efficientnet_features,
    published,
)
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.ops.scaling import Scaling
from keras_cv_course.registry import MODELS

_PLAIN = Scaling(depth=1.0, width=1.0, resolution=1.0)


def EfficientNetLite(
    input_shape: tuple[int | None, ...] | None = None,
    scaling: Scaling = _PLAIN,
    dropout_rate: float = 0.2,
    drop_connect_rate: float = 0.2,
    activation: str = "relu6",
    batch_norm_momentum: float | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Returns an EfficientNet-Lite of any scale, for pictures as floats in [-1, 1], RGB.

    Preprocessing is not inside (`x / 127.5 - 1`). There is no squeeze-and-excitation, ReLU6
    replaces swish, and neither the first and last convolution grow in width nor the first and
    last stage in depth. keras.applications has no such network. Feature maps have strides 2 to
    32; height and width are at least 32, and multiples of 32 lose no pixels at the border.

    Args:
        input_shape: (height, width, channels). 224 times `scaling.resolution`, rounded, in colour
            when None, and of free size when `include_top` is False. Any number of channels with
            `weights=None`.
        scaling: Factors of depth, width and default input size, e.g. `compound_scaling(1)`.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for a picture, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu6", or another activation.
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        include_top: Whether the classifier is built.
        weights: None for fresh ones, or the path of a weights file or saved model of this
            package. If the file has another number of classes, the classifier alone starts fresh.
        input_tensor: Keras tensor (batch, height, width, channels) to build on.
        pooling: "avg" or "max" for a vector (batch, channels), None for the last feature map;
            only without the classifier.
        classes: Size of the classifier.
        classifier_activation: "softmax", another activation, or None for logits.
        name: Name of the model; "efficientnet_lite" when None.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found.

    Example:
        >>> model = EfficientNetLite0(input_shape=(64, 64, 3), classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        The authors' repository, tensorflow/tpu, models/official/efficientnet/lite; the body is
        table 1 of arXiv:1905.11946.
    """
    options = BuildOptions(
        round(BASE_SIZE_PX * scaling.resolution),
        input_shape,
        include_top,
        weights,
        input_tensor,
        pooling,
        classes,
        classifier_activation,
        name or "efficientnet_lite",
    )
    head = Head(dropout_rate, convolutional=False, kernel_initializer=DENSE_INITIALIZER)
    momentum = 0.99 if batch_norm_momentum is None else batch_norm_momentum
    image = make_input(options, MODELS["efficientnet_lite0"].input_range)
    style = ConvStyle(activation, momentum, CONV_INITIALIZER)
    x = efficientnet_features(image, scaling, style, drop_connect_rate, lite=True)
    return finish(x, image, options, head, _IMAGENET)


_IMAGENET = ImageNet(unavailable="keras.applications has no EfficientNet-Lite.")

# (width, depth, dropout), the authors' efficientnet_lite_builder.py.
_COEFFICIENTS = (
    (1.0, 1.0, 0.2),
    (1.0, 1.1, 0.2),
    (1.1, 1.2, 0.3),
    (1.2, 1.4, 0.3),
    (1.4, 1.8, 0.3),
)

EfficientNetLite0, EfficientNetLite1, EfficientNetLite2, EfficientNetLite3, EfficientNetLite4 = (
    published(EfficientNetLite, f"efficientnet_lite{i}", *coefficients, "relu6")
    for i, coefficients in enumerate(_COEFFICIENTS)
)
