"""EfficientNet-Lite: EfficientNet without what small integer hardware is slow at."""

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
def EfficientNetLite(
    input_shape: tuple[int | None, ...] | None = None,
    scaling: Scaling = _PLAIN,
    dropout_rate: float = 0.2,
    drop_connect_rate: float = 0.2,
    activation: str = "relu6",
    batch_norm_momentum: float | None = None,
    output_stride: int = 32,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns an EfficientNet-Lite of any scale, for images as floats in [-1, 1], RGB.

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
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu6", or another activation.
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        output_stride: Largest stride of a feature map, 4, 8, 16 or 32. Below 32 later blocks are
            dilated and not strided, which is what segmentation wants. No weight changes.
        **options: What all classifiers take, see `ClassifierOptions`.

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
    named: ClassifierOptions = {**options, "name": options.get("name") or "efficientnet_lite"}
    size_px = round(BASE_SIZE_PX * scaling.resolution)
    build = options_of("efficientnet_lite0", input_shape, named, size_px)
    head = Head(dropout_rate, kernel_initializer=DENSE_INITIALIZER)
    momentum = 0.99 if batch_norm_momentum is None else batch_norm_momentum
    image = make_input(build)
    style = ConvStyle(activation, momentum, CONV_INITIALIZER)
    x = efficientnet_features(image, scaling, style, drop_connect_rate, output_stride, lite=True)
    return finish(x, image, build, head, _IMAGENET)


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
