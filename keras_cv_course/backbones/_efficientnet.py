"""The body that EfficientNet and EfficientNet-Lite share, and the making of published variants."""

from collections.abc import Callable
from typing import Protocol, Unpack

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_rate
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder
from keras_cv_course.backbones.rows import InvertedResidualRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite
from keras_cv_course.names import STEM, TOP
from keras_cv_course.ops.scaling import Scaling, round_filters
from keras_cv_course.registry import MODELS

BASE_SIZE_PX = 224
CONV_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
DENSE_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"},
}


_STEM_FILTERS = 32
_TOP_FILTERS = 1280
_SQUEEZE_RATIO = 0.25
# Table 1, arXiv:1905.11946, stages 2 to 8.
EFFICIENTNET = (
    InvertedResidualRow(16, 1, 3, squeeze=True),
    InvertedResidualRow(24, 6, 3, squeeze=True, repeats=2, strides=2),
    InvertedResidualRow(40, 6, 5, squeeze=True, repeats=2, strides=2),
    InvertedResidualRow(80, 6, 3, squeeze=True, repeats=3, strides=2),
    InvertedResidualRow(112, 6, 5, squeeze=True, repeats=3),
    InvertedResidualRow(192, 6, 5, squeeze=True, repeats=4, strides=2),
    InvertedResidualRow(320, 6, 3, squeeze=True),
)


def efficientnet_features(
    x: KerasTensor,
    scaling: Scaling,
    style: ConvStyle,
    drop_connect_rate: float,
    output_stride: int,
    lite: bool,
) -> KerasTensor:
    """Returns the last feature map (batch, height / 32, width / 32, filters).

    Args:
        x: Preprocessed images (batch, height, width, channels).
        scaling: Width and depth.
        style: Activation, momentum and initializer.
        drop_connect_rate: Probability of skipping the last block; grows linearly from 0.
        output_stride: Largest stride of a feature map.
        lite: Whether to leave squeeze-and-excitation out, and to scale neither the width of the
            first and last convolution nor the depth of the first and last stage.
    """
    check_rate("drop_connect_rate", drop_connect_rate)
    ends_width = 1.0 if lite else scaling.width
    depths = [scaling.depth] * len(EFFICIENTNET)
    if lite:
        depths[0] = depths[-1] = 1.0
    x = conv_bn_activation(x, round_filters(_STEM_FILTERS, ends_width), 3, style, STEM, 2)
    for block in blocks(EFFICIENTNET, depths, output_stride):
        row = block.row
        squeeze = SqueezeExcite(
            max(1, int(x.shape[-1] * _SQUEEZE_RATIO)),
            style.activation,
            "sigmoid",
            style.kernel_initializer,
        )
        x = inverted_residual(
            x,
            round_filters(row.filters, scaling.width),
            int(row.expand_ratio * x.shape[-1]),
            row.kernel_size,
            style,
            block.name,
            block.strides,
            squeeze if row.squeeze and not lite else None,
            drop_connect_rate * block.index / block.count,
            block.dilation,
            block.shortcut,
        )
    return conv_bn_activation(x, round_filters(_TOP_FILTERS, ends_width), 1, style, TOP)


class EfficientNetBuilder(Protocol):
    """The builder of a published variant."""

    def __call__(
        self,
        input_shape: tuple[int | None, ...] | None = None,
        dropout_rate: float = ...,
        drop_connect_rate: float = 0.2,
        activation: str = ...,
        batch_norm_momentum: float | None = None,
        output_stride: int = 32,
        **options: Unpack[ClassifierOptions],
    ) -> keras.Model:
        """Returns the network; see the family's builder."""


def published(
    base: Callable[..., keras.Model],
    model: str,
    width: float,
    depth: float,
    dropout: float,
    default_activation: str,
) -> EfficientNetBuilder:
    """Returns the builder of a published variant.

    Args:
        base: Builder of the family, which takes `scaling`.
        model: Name in the registry, which knows the variant's name and size.
        width: Factor of the number of filters.
        depth: Factor of the number of blocks.
        dropout: What `dropout_rate` is when it is not given.
        default_activation: What `activation` is when it is not given.
    """
    entry = MODELS[model]
    scaling = Scaling(depth, width, entry.size_px / BASE_SIZE_PX)

    def build(
        input_shape: tuple[int | None, ...] | None = None,
        dropout_rate: float = dropout,
        drop_connect_rate: float = 0.2,
        activation: str = default_activation,
        batch_norm_momentum: float | None = None,
        output_stride: int = 32,
        **options: Unpack[ClassifierOptions],
    ) -> keras.Model:
        own = (dropout_rate, drop_connect_rate, activation, batch_norm_momentum, output_stride)
        named: ClassifierOptions = {**options, "name": options.get("name") or model}
        return base(input_shape, scaling, *own, **named)

    names = (base.__module__, entry.builder, entry.builder)
    build.__module__, build.__name__, build.__qualname__ = names
    build.__doc__ = f"""Returns an {entry.builder}, for images of {entry.size_px} pixels by default.

    It is `{base.__name__}` of width {width} and depth {depth}, and raises the same errors.

    Args:
        input_shape: (height, width, channels); see `{base.__name__}`, as the following.
        dropout_rate: Share of the pooled features that training sets to zero.
        drop_connect_rate: Probability with which training skips the last block.
        activation: Name of the activation.
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99.
        output_stride: Largest stride of a feature map.
        **options: What all classifiers take, see `ClassifierOptions`.
    """
    return classifier_builder(build)
