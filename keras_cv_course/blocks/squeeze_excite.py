"""Channel attention."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course.blocks.convolution import activate


@dataclass(frozen=True)
class SqueezeExcite:
    """How a squeeze-and-excitation is made.

    Attributes:
        filters: Channels between its two convolutions.
        activation: Name of the activation after the first.
        gate: Name of the activation after the second, "sigmoid" or "hard_sigmoid".
        kernel_initializer: As `keras.initializers.get` takes it.
    """

    filters: int
    activation: str
    gate: str
    kernel_initializer: Any = "glorot_uniform"


def squeeze_excite(x: KerasTensor, squeeze: SqueezeExcite, name: str) -> KerasTensor:
    """Returns `x` with each channel multiplied by a weight in [0, 1] computed from all of them.

    The mean over height and width keeps its axes, so that no reshape is needed.

    Args:
        x: float tensor (batch, height, width, channels).
        squeeze: Sizes and activations.
        name: Prefix of the layers' names, e.g. "stage3_block1_se".

    Reference:
        Squeeze-and-Excitation Networks, arXiv:1709.01507, section 3.
    """
    weight = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    for step, filters, activation in (
        ("reduce", squeeze.filters, squeeze.activation),
        ("expand", x.shape[-1], squeeze.gate),
    ):
        weight = keras.layers.Conv2D(
            filters,
            1,
            kernel_initializer=squeeze.kernel_initializer,
            name=f"{name}_{step}_conv",
        )(weight)
        weight = activate(weight, activation, f"{name}_{step}_activation")
    return keras.layers.Multiply(name=f"{name}_multiply")([x, weight])
