"""EfficientNet: one network, scaled in depth, width and resolution together."""

from typing import Unpack

import keras

from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._efficientnet import (
    BASE_SIZE_PX,
    CONV_INITIALIZER,
    DENSE_INITIALIZER,
    efficientnet_features,
    published,
)
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle
from keras_cv_course.ops.scaling import Scaling

_PLAIN = Scaling(depth=1.0, width=1.0, resolution=1.0)


@classifier_builder
def EfficientNet(
    input_shape: tuple[int | None, ...] | None = None,
    scaling: Scaling = _PLAIN,
    dropout_rate: float = 0.2,
    drop_connect_rate: float = 0.2,
    activation: str = "swish",
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns an EfficientNet of any scale, for images as pixel values in [0, 255], RGB.

    Preprocessing is inside: division by 255 and a `Normalization` layer, which is neutral with
    fresh weights and can be adapted. "imagenet" has weights for B0 to B7; the published files hold
    standard deviations as the variances of `Normalization`, which are squared, so that the function
    is that of keras.applications. Variables are those of its EfficientNets, in the same order.
    Feature maps have strides 2 to 32; height and width are at least 32, and multiples of 32 lose no
    pixels at the border.

    Args:
        input_shape: (height, width, channels). 224 times `scaling.resolution`, rounded, in colour
            when None, and of free size when `include_top` is False. Any number of channels with
            `weights=None`.
        scaling: Factors of depth, width and default input size, e.g. `compound_scaling(1)`.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "swish" as in the paper and in keras.applications, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> model = EfficientNetB0(input_shape=(64, 64, 3), classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
        arXiv:1905.11946, table 1; L2 from Self-training with Noisy Student improves ImageNet
        classification, arXiv:1911.04252, table 7.
    """
    named: ClassifierOptions = {**options, "name": options.get("name") or "efficientnet"}
    size_px = round(BASE_SIZE_PX * scaling.resolution)
    build = options_of("efficientnet_b0", input_shape, named, size_px)
    head = Head(dropout_rate, kernel_initializer=DENSE_INITIALIZER)
    momentum = 0.99 if batch_norm_momentum is None else batch_norm_momentum
    style = ConvStyle(activation, momentum, CONV_INITIALIZER)
    image = make_input(build)
    x = keras.layers.Rescaling(1 / 255, name="stem_rescaling")(image)
    x = keras.layers.Normalization(axis=-1, name="stem_normalization")(x)
    x = efficientnet_features(x, scaling, style, drop_connect_rate, output_stride, lite=False)
    return finish(x, image, build, head, _imagenet(scaling))


# (width, depth, dropout) of the variants for which keras.applications has weights; the authors'
# repository (tensorflow/tpu, models/official/efficientnet), as the paper does not print them.
_COEFFICIENTS = (
    (1.0, 1.0, 0.2),
    (1.0, 1.1, 0.2),
    (1.1, 1.2, 0.3),
    (1.2, 1.4, 0.3),
    (1.4, 1.8, 0.4),
    (1.6, 2.2, 0.4),
    (1.8, 2.6, 0.5),
    (2.0, 3.1, 0.5),
)


def _imagenet(scaling: Scaling) -> ImageNet:
    for i, (width, depth, _) in enumerate(_COEFFICIENTS):
        if (scaling.width, scaling.depth) == (width, depth):
            return ImageNet(f"EfficientNetB{i}")
    return ImageNet(unavailable="keras.applications has EfficientNetB0 to EfficientNetB7.")


(
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
) = (
    published(EfficientNet, f"efficientnet_b{i}", *coefficients, "swish")
    for i, coefficients in enumerate(_COEFFICIENTS)
)
EfficientNetL2 = published(EfficientNet, "efficientnet_l2", 4.3, 5.3, 0.5, "swish")
