"""Filters of transposed convolutions that enlarge maps as bilinear interpolation does."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="keras_cv_course")
class BilinearInitializer(keras.initializers.Initializer):
    """Kernels of `Conv2DTranspose` that interpolate each channel by itself.

    With strides s, a kernel of size 2 s or 2 s - s % 2 and "same" padding, the layer enlarges a map
    s times; away from the border a linear ramp stays one.

    Example:
        >>> layer = keras.layers.Conv2DTranspose(
        ...     21, 4, 2, padding="same", use_bias=False, kernel_initializer=BilinearInitializer())

    Reference:
        Fully Convolutional Networks for Semantic Segmentation, arXiv:1411.4038, section 3.3.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Returns the kernel `(height, width, filters, channels)`.

        Raises:
            ValueError: If there are not as many filters as channels.
        """
        height, width, filters, channels = shape
        if filters != channels:
            raise ValueError(
                "Bilinear filters must be as many as there are channels. Received: "
                f"{filters} filters for {channels} channels."
            )
        kernel = _triangle(height)[:, None] * _triangle(width)[None]
        values = kernel[..., None, None] * np.eye(channels)
        return keras.ops.convert_to_tensor(values, dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        """Returns no arguments: there are none."""
        return {}


def _triangle(size: int) -> np.ndarray:
    """Returns weights that fall linearly from the middle, and sum up to 1 at each stride."""
    strides = (size + 1) // 2
    middle = strides - 1 if size % 2 else strides - 0.5
    return 1 - np.abs(np.arange(size) - middle) / strides
