"""The part of an image that one output of a network sees."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from keras_cv_course.networks.strides import along_graph, factor_of, pair

_WHOLE = (
    keras.layers.AdaptiveAveragePooling2D,
    keras.layers.AdaptiveMaxPooling2D,
    keras.layers.Dense,
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Resizing,
)
# A bilinear interpolation reads two neighbours.
_TAPS = {"nearest": 1, "bilinear": 2}


@dataclass(frozen=True)
class ReceptiveField:
    """What one output value of a layer sees of the image.

    Attributes:
        size_px: (height, width) of the part, where nothing of it lies outside of the image.
        strides: (height, width) of the step of the part from one output to its neighbour.
    """

    size_px: tuple[Fraction, Fraction]
    strides: tuple[Fraction, Fraction]


_ONE = (Fraction(1), Fraction(1))
_PIXEL: ReceptiveField | None = ReceptiveField(_ONE, _ONE)


def receptive_field(model: keras.Model, layer: str | None = None) -> ReceptiveField | None:
    """Returns the part of the image that one output value sees.

    A window of k outputs of a layer before it, strides s apart, sees k - 1 strides more than one of
    them. It is the largest part that weights other than 0 could make it see.

    Args:
        model: Functional or built Sequential model.
        layer: Name of the layer; None is that of the first output.

    Returns:
        Sizes as fractions, which are whole unless maps are enlarged; None where the whole image is
        seen, as behind a global pooling.

    Raises:
        ValueError: If there is no such layer.

    Example:
        >>> three = keras.Sequential([keras.Input((32, 32, 1)), *[Conv2D(1, 3) for _ in range(3)]])
        >>> receptive_field(three).size_px
        (Fraction(7, 1), Fraction(7, 1))

    Reference:
        "What are the receptive, effective receptive, and projective fields of neurons in
        convolutional neural networks?", arXiv:1705.07049, equation 1.
    """
    fields = along_graph(model, _PIXEL, _field)
    name = model.outputs[0]._keras_history.operation.name if layer is None else layer
    if name not in fields:
        raise ValueError(f"`layer` must be the name of one of {model.name!r}. Received: {name!r}.")
    return fields[name]


def _field(layer: Any, seen: list[ReceptiveField | None]) -> ReceptiveField | None:
    fields = [field for field in seen if field is not None]
    factor = factor_of(layer)
    if len(fields) < len(seen) or isinstance(layer, _WHOLE) or not fields or factor is None:
        return None
    taps = _taps(layer)
    size_px, strides = [], []
    for axis in (0, 1):
        step = max(field.strides[axis] for field in fields)
        size_px.append(max(field.size_px[axis] for field in fields) + (taps[axis] - 1) * step)
        strides.append(step * factor[axis])
    return ReceptiveField((size_px[0], size_px[1]), (strides[0], strides[1]))


def _taps(layer: Any) -> tuple[Fraction, Fraction]:
    """Returns how many values of its input one output of a layer reads on each axis."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel, strides = pair(layer.kernel_size), pair(layer.strides)
        return Fraction(-(-kernel[0] // strides[0])), Fraction(-(-kernel[1] // strides[1]))
    if isinstance(layer, keras.layers.UpSampling2D):
        return pair(_TAPS[layer.interpolation])
    if type(layer).__name__ == "SpaceToDepth":
        return pair(layer.block_size)
    window = pair(getattr(layer, "kernel_size", getattr(layer, "pool_size", 1)))
    dilation = pair(getattr(layer, "dilation_rate", 1))
    return 1 + (window[0] - 1) * dilation[0], 1 + (window[1] - 1) * dilation[1]
