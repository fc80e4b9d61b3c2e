"""Zeros around strided windows, as networks have them whose weights come from other frameworks."""

import keras
from keras import KerasTensor


def pad_around(
    x: KerasTensor, kernel_size: int, strides: int, name: str
) -> tuple[KerasTensor, str]:
    """Returns `x` and the padding with which a strided window reads it with zeros on all sides.

    "same" puts as many zeros on either side where a size is odd, and where the step is 1. Where it
    is even it leaves those at the upper left out, which would shift every window by a pixel: then
    it takes a padding layer, `{name}_pad`.

    Args:
        x: float tensor (batch, height, width, channels).
        kernel_size: Size of the window, an odd number.
        strides: Step of the window, 1 or 2.
        name: Prefix of the padding layer's name.

    Returns:
        The tensor, padded or not, and "same" or "valid".
    """
    height, width = x.shape[1:3]
    odd = height is not None and width is not None and height % 2 == width % 2 == 1
    if kernel_size == 1 or strides == 1 or odd:
        return x, "same"
    return keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x), "valid"
