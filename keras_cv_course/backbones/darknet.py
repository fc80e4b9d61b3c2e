"""Darknet's networks: the bodies of YOLO, and the two that were published as classifiers."""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import KerasTensor

from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import ConvRow, ResidualRow
from keras_cv_course.blocks.convolution import (
    ConvStyle,
    conv_activation,
    conv_bn_activation,
)
from keras_cv_course.names import STEM, block_name

Rows = Sequence[ConvRow]

# Figure 3, arXiv:1506.02640, without its first and its last four convolutions: a stage is what
# lies between two poolings.
EXTRACTION: tuple[Rows, ...] = (
    (ConvRow(192, 3),),
    (ConvRow(128, 1), ConvRow(256, 3), ConvRow(256, 1), ConvRow(512, 3)),
    (*(ConvRow(256, 1), ConvRow(512, 3)) * 4, ConvRow(512, 1), ConvRow(1024, 3)),
    (ConvRow(512, 1), ConvRow(1024, 3)) * 2,
)
# Table 6, arXiv:1612.08242, behind the first convolution.
DARKNET19: tuple[Rows, ...] = (
    (ConvRow(64, 3),),
    (ConvRow(128, 3), ConvRow(64, 1), ConvRow(128, 3)),
    (ConvRow(256, 3), ConvRow(128, 1), ConvRow(256, 3)),
    (ConvRow(512, 3), ConvRow(256, 1), ConvRow(512, 3), ConvRow(256, 1), ConvRow(512, 3)),
    (ConvRow(1024, 3), ConvRow(512, 1), ConvRow(1024, 3), ConvRow(512, 1), ConvRow(1024, 3)),
)
# Table 1, arXiv:1804.02767: the residual blocks behind each convolution of stride 2.
DARKNET53 = (
    ResidualRow(64),
    ResidualRow(128, repeats=2),
    ResidualRow(256, repeats=8),
    ResidualRow(512, repeats=8),
    ResidualRow(1024, repeats=4),
)
# The bodies of yolov1-tiny.cfg, yolov2-tiny.cfg and yolov3-tiny.cfg, behind the first convolution.
TINY: tuple[Rows, ...] = (
    (ConvRow(32, 3),),
    (ConvRow(64, 3),),
    (ConvRow(128, 3),),
    (ConvRow(256, 3),),
    (ConvRow(512, 3),),
)

_MOMENTUM = 0.99  # of Darknet's batch normalization
_UNAVAILABLE = ImageNet(unavailable="keras.applications has no Darknet.")


def darknet_style(batch_norm_momentum: float | None = None) -> ConvStyle:
    """Returns what all convolutions of Darknet have in common: a leaky ReLU of slope 0.1."""
    momentum = _MOMENTUM if batch_norm_momentum is None else batch_norm_momentum
    return ConvStyle("leaky_relu", momentum, "he_normal")


def pooled_stages(
    x: KerasTensor, stages: Sequence[Rows], style: ConvStyle, normalized: bool = True
) -> KerasTensor:
    """Returns `x` after stages of convolutions, each behind a max pooling that halves the size.

    Args:
        x: float tensor (batch, height, width, channels), the output of a stem.
        stages: Rows of each stage, one convolution each.
        style: Activation, momentum and initializer.
        normalized: Whether convolutions have batch normalization, and no bias.
    """
    block = conv_bn_activation if normalized else conv_activation
    for s, rows in enumerate(stages, 1):
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"{block_name(s, 1)}_pool")(x)
        for b, row in enumerate(rows, 1):
            x = block(x, row.filters, row.kernel_size, style, block_name(s, b))
    return x


@classifier_builder
def Darknet19(
    input_shape: tuple[int | None, ...] | None = None,
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a Darknet-19, the body of YOLOv2, for images as floats in [0, 1], RGB.

    Preprocessing is not inside. Feature maps have strides 2 to 32; height and width are at least
    32, and multiples of 32 lose no pixels at the border.

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        batch_norm_momentum: Weight of the past in the moving statistics; 0.99 when None.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found.

    Example:
        >>> Darknet19(include_top=False, input_shape=(416, 416, 3)).output_shape
        (None, 13, 13, 1024)

    Reference:
        YOLO9000, arXiv:1612.08242, table 6. There the classifier scores each position before the
        mean is taken; here the mean is scored, which is the same number for a 49th of the work.
    """
    build = options_of("darknet19", input_shape, options)
    style = darknet_style(batch_norm_momentum)
    image = make_input(build)
    x = conv_bn_activation(image, 32, 3, style, STEM)
    x = pooled_stages(x, DARKNET19, style)
    return finish(x, image, build, Head(0.0), _UNAVAILABLE)


@classifier_builder
def Darknet53(
    input_shape: tuple[int | None, ...] | None = None,
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a Darknet-53, the body of YOLOv3, for images as floats in [0, 1], RGB.

    Takes what `Darknet19` takes, with the same meaning, and raises the same errors.

    Example:
        >>> Darknet53(include_top=False, pooling="avg").output_shape
        (None, 1024)

    Reference:
        YOLOv3, arXiv:1804.02767, table 1.
    """
    build = options_of("darknet53", input_shape, options)
    style = darknet_style(batch_norm_momentum)
    image = make_input(build)
    x = conv_bn_activation(image, 32, 3, style, STEM)
    for s, row in enumerate(DARKNET53, 1):
        x = conv_bn_activation(x, row.filters, 3, style, block_name(s, 1), strides=2)
        for b in range(2, row.repeats + 2):
            x = _residual(x, row.filters, style, block_name(s, b))
    return finish(x, image, build, Head(0.0), _UNAVAILABLE)


def _residual(x: KerasTensor, filters: int, style: ConvStyle, name: str) -> KerasTensor:
    y = conv_bn_activation(x, filters // 2, 1, style, f"{name}_reduce")
    y = conv_bn_activation(y, filters, 3, style, name)
    return keras.layers.Add(name=f"{name}_add")([x, y])
