"""What face-api's networks have in common: their input, and their separable convolutions."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import KerasTensor, layers

from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.names import SPEC
from keras_cv_course.specs.model_spec import ModelSpec

_PIXELS = (0.0, 255.0)
MEAN_RGB = (122.782, 117.001, 104.298)


def centred_input(
    size_px: tuple[int, int], mean_rgb: Sequence[float] = MEAN_RGB, scale: float = 1 / 255
) -> tuple[KerasTensor, KerasTensor]:
    """Returns the input of a network, and its pixels less their mean, scaled.

    Args:
        size_px: (height, width).
        mean_rgb: Mean of each channel, in pixel values.
        scale: Factor of the difference.
    """
    image = keras.Input((*size_px, 3), name="image")
    x = SpecCarrier(ModelSpec(input_range=_PIXELS, resize="pad"), name=SPEC)(image)
    offset = [-mean * scale for mean in mean_rgb]
    return image, layers.Rescaling(scale, offset, name="stem_rescaling")(x)


def separable(x: KerasTensor, filters: int, name: str, strides: int = 1) -> KerasTensor:
    """Returns a depthwise 3x3 and a pointwise convolution, with nothing between the two.

    Layers are `{name}_depthwise_conv` without bias and `{name}_pointwise_conv`.

    Args:
        x: float tensor (batch, height, width, channels).
        filters: Channels of the result.
        name: Prefix of the layers' names.
        strides: Step of the depthwise convolution.
    """
    x = layers.DepthwiseConv2D(
        3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    return layers.Conv2D(filters, 1, name=f"{name}_pointwise_conv")(x)


def arrays_of_layers(
    stored: Mapping[str, np.ndarray], names: Mapping[str, str]
) -> dict[str, list[np.ndarray]]:
    """Returns the arrays of each layer.

    Args:
        stored: Arrays by the names of face-api.
        names: By the name in the network, without "_conv", what face-api calls a layer. It is a
            convolution, separable or not, or a dense layer.
    """
    arrays = {}
    for name, other in names.items():
        if f"{other}/depthwise_filter" in stored:
            arrays[f"{name}_depthwise_conv"] = [stored[f"{other}/depthwise_filter"]]
            pointwise = [stored[f"{other}/pointwise_filter"], stored[f"{other}/bias"]]
            arrays[f"{name}_pointwise_conv"] = pointwise
        elif f"{other}/filters" in stored:
            arrays[f"{name}_conv"] = [stored[f"{other}/filters"], stored[f"{other}/bias"]]
        else:
            arrays[name] = [stored[f"{other}/weights"], stored[f"{other}/bias"]]
    return arrays
