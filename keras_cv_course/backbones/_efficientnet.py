"""The body that EfficientNet and EfficientNet-Lite share, and the making of published variants."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_rate
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.inverted_residual import inverted_residual
from keras_cv_course.blocks.squeeze_excite import SqueezeExcite
from keras_cv_course.ops.scaling import Scaling, round_filters, round_repeats
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


@dataclass(frozen=True)
class _Stage:
    kernel_size: int
    expand_ratio: int
    filters: int
    repeats: int
    strides: int


_STEM_FILTERS = 32
_TOP_FILTERS = 1280
_SQUEEZE_RATIO = 0.25
# Table 1, arXiv:1905.11946, stages 2 to 8.
_STAGES = (
    _Stage(3, 1, 16, 1, 1),
    _Stage(3, 6, 24, 2, 2),
    _Stage(5, 6, 40, 2, 2),
    _Stage(3, 6, 80, 3, 2),
    _Stage(5, 6, 112, 3, 1),
    _Stage(5, 6, 192, 4, 2),
    _Stage(3, 6, 320, 1, 1),
)


def efficientnet_features(
    x: KerasTensor, scaling: Scaling, style: ConvStyle, drop_connect_rate: float, lite: bool
) -> KerasTensor:
    """Returns the last feature map (batch, height / 32, width / 32, filters).

    Args:
        x: Preprocessed pictures (batch, height, width, channels).
        scaling: Width and depth.
        style: Activation, momentum and initializer.
        drop_connect_rate: Probability of skipping the last block; grows linearly from 0.
        lite: Whether to leave squeeze-and-excitation out, and to scale neither the width of the
            first and last convolution nor the depth of the first and last stage.
    """
    check_rate("drop_connect_rate", drop_connect_rate)
    ends_width = 1.0 if lite else scaling.width
    last = len(_STAGES) - 1
    repeats = [
        stage.repeats if lite and i in (0, last) else round_repeats(stage.repeats, scaling.depth)
        for i, stage in enumerate(_STAGES)
    ]
    x = conv_bn_activation(x, round_filters(_STEM_FILTERS, ends_width), 3, style, "stem", 2)
    index = 0
    for s, (stage, count) in enumerate(zip(_STAGES, repeats, strict=True), 1):
        for b in range(1, count + 1):
            squeeze = SqueezeExcite(
                max(1, int(x.shape[-1] * _SQUEEZE_RATIO)),
                style.activation,
                "sigmoid",
                style.kernel_initializer,
            )
            x = inverted_residual(
                x,
                round_filters(stage.filters, scaling.width),
                x.shape[-1] * stage.expand_ratio,
                stage.kernel_size,
                style,
                f"stage{s}_block{b}",
                stage.strides if b == 1 else 1,
                None if lite else squeeze,
                drop_connect_rate * index / sum(repeats),
            )
            index += 1
    return conv_bn_activation(x, round_filters(_TOP_FILTERS, ends_width), 1, style, "top")


def published(
    base: Callable[..., keras.Model],
    model: str,
    width: float,
    depth: float,
    dropout: float,
    default_activation: str,
) -> Callable[..., keras.Model]:
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
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = None,
        input_tensor: KerasTensor | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = None,
    ) -> keras.Model:
        return base(
            input_shape,
            scaling,
            dropout_rate,
            drop_connect_rate,
            activation,
            batch_norm_momentum,
            include_top,
            weights,
            input_tensor,
            pooling,
            classes,
            classifier_activation,
            name or model,
        )

    size = entry.size_px
    build.__module__, build.__name__, build.__qualname__ = (
        base.__module__,
        entry.builder,
        entry.builder,
    )
    build.__doc__ = (
        f"Returns an {entry.builder}: `{base.__name__}` of width {width}, depth {depth} and "
        f"input {size}x{size}.\n\n"
        f"Takes what `{base.__name__}` takes but `scaling`, with the same meaning; "
        f"`dropout_rate` is {dropout} by default."
    )
    return build
