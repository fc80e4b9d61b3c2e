"""ResNet v2, which normalizes and activates before each convolution."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_positive, check_rate
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import residual_of, restyled, scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import BottleneckRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, activate, normalize
from keras_cv_course.blocks.padding import pad_around
from keras_cv_course.blocks.preactivation import Preactivation, preactivated_bottleneck
from keras_cv_course.names import STEM, TOP

Stage = tuple[BottleneckRow, ...]

_STYLE = ConvStyle("relu", 0.99, "he_normal", 1.001e-5)


def resnet_v2_rows(*repeats: int) -> tuple[Stage, ...]:
    """Returns the four stages of a ResNet v2, of which all but the last end with a step."""
    stages = []
    for s, n in enumerate(repeats):
        filters = 256 * 2**s
        last = 1 if s == len(repeats) - 1 else 2
        plain = BottleneckRow(filters, filters // 4, repeats=n - 1)
        stages.append((plain, BottleneckRow(filters, filters // 4, strides=last)))
    return tuple(stages)


# Table 1, arXiv:1512.03385, with the steps where keras.applications has them.
RESNET50_V2 = resnet_v2_rows(3, 4, 6, 3)
RESNET101_V2 = resnet_v2_rows(3, 4, 23, 3)
RESNET152_V2 = resnet_v2_rows(3, 8, 36, 3)


@classifier_builder
def ResNetV2(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[Stage, ...] = RESNET50_V2,
    alpha: float = 1.0,
    dropout_rate: float = 0.0,
    drop_connect_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a ResNet v2 of any rows, for images as floats in [-1, 1] (`x / 127.5 - 1`), RGB.

    Preprocessing is not inside. Variables are those of keras.applications' ResNetV2s, in the same
    order, and "imagenet" has weights for 50, 101 and 152 layers. Feature maps have strides 2 to 32;
    height and width are at least 32.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        rows: The stages, each of one or several rows, e.g. `resnet_v2_rows(3, 4, 6, 3)`.
        alpha: Width multiplier: factor of the number of filters, rounded down.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found or downloaded.

    Example:
        >>> ResNet50V2(include_top=False, pooling="avg").output_shape
        (None, 2048)

    Reference:
        Identity Mappings in Deep Residual Networks, arXiv:1603.05027. As in keras.applications, the
        step of a stage is in its last block.
    """
    check_positive("alpha", alpha)
    check_rate("drop_connect_rate", drop_connect_rate)
    named: ClassifierOptions = {**options, "name": options.get("name") or "resnet_v2"}
    build = options_of("resnet50_v2", input_shape, named)
    style = restyled(_STYLE, activation, batch_norm_momentum)
    form = Preactivation(style, biases=True)
    x = image = make_input(build)
    x, padding = pad_around(x, 7, 2, STEM)
    conv = keras.layers.Conv2D(
        scaled(64, alpha), 7, 2, padding, kernel_initializer="he_normal", name=f"{STEM}_conv"
    )
    # What is pooled is not activated yet, so that zeros around it count.
    x = keras.layers.ZeroPadding2D(1, name=f"{STEM}_pool_pad")(conv(x))
    x = keras.layers.MaxPooling2D(3, 2, name=f"{STEM}_pool")(x)
    for block in blocks(rows, stem_stride=4):
        filters = scaled(block.row.filters, alpha)
        residual = residual_of(block, filters, x.shape[-1], drop_connect_rate)
        x = preactivated_bottleneck(x, residual, scaled(block.row.width, alpha), form)
    x = activate(normalize(x, style, f"{TOP}_bn"), activation, f"{TOP}_activation")
    return finish(x, image, build, Head(dropout_rate), _imagenet(rows, alpha))


def _imagenet(rows: tuple[Stage, ...], alpha: float) -> ImageNet:
    layers = {RESNET50_V2: 50, RESNET101_V2: 101, RESNET152_V2: 152}.get(rows)
    if layers is None or alpha != 1:
        return ImageNet(
            unavailable="keras.applications has ResNet50V2, ResNet101V2 and ResNet152V2 with "
            "`alpha=1`."
        )
    return ImageNet(f"ResNet{layers}V2")


ResNet50V2 = published(ResNetV2, "resnet50_v2", "a ResNet v2 of 50 layers", rows=RESNET50_V2)
ResNet101V2 = published(ResNetV2, "resnet101_v2", "a ResNet v2 of 101 layers", rows=RESNET101_V2)
ResNet152V2 = published(ResNetV2, "resnet152_v2", "a ResNet v2 of 152 layers", rows=RESNET152_V2)
