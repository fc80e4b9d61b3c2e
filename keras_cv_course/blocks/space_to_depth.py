"""A feature map of half the size that holds all values of the larger one."""

import keras
from keras import KerasTensor


def space_to_depth(x: KerasTensor, name: str) -> KerasTensor:
    """Returns `x` with each 2x2 pixels as one, of four times the channels.

    Args:
        x: float tensor (batch, height, width, channels) of known, even height and width.
        name: Prefix of the layers' names.

    Returns:
        (batch, height / 2, width / 2, 4 * channels): upper left, upper right, lower left, lower
        right pixel.

    Raises:
        ValueError: If a size is unknown or odd.

    Reference:
        YOLO9000, arXiv:1612.08242, section 2, "Fine-Grained Features". Darknet's own layer has
        another order of the values, which the next convolution does not care about.
    """
    height, width, channels = x.shape[1:]
    if height is None or width is None or height % 2 or width % 2:
        raise ValueError(
            f"`x` must have an even height and width that are known. Received: {tuple(x.shape)}."
        )
    x = keras.layers.Reshape((height // 2, 2, width // 2, 2, channels), name=f"{name}_split")(x)
    x = keras.layers.Permute((1, 3, 2, 4, 5), name=f"{name}_order")(x)
    return keras.layers.Reshape((height // 2, width // 2, 4 * channels), name=f"{name}_join")(x)
