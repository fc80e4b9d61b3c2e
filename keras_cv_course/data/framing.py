"""An image of any size in the frame of a network's input, and boxes on their way back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

_LARGEST_PIXEL = 255.0


@dataclass(frozen=True, eq=False)
class Frame:
    """An image as a network takes it.

    Attributes:
        pixels: float32 `(height, width, channels)` of the network's input.
        scale: (width, height) of the whole frame, in pixels of the image.
        offset: (x, y) of the image's corner in the frame, in pixels of the image.
        size: (width, height) of the image in its pixels.
    """

    pixels: np.ndarray
    scale: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]

    def to_image(self, boxes: np.ndarray) -> np.ndarray:
        """Returns boxes in pixels of the image, cut off at its border.

        Args:
            boxes: `(count, 4)` xyxy in parts of the frame.
        """
        moved = boxes * np.tile(self.scale, 2) - np.tile(self.offset, 2)
        return np.clip(moved, 0, np.tile(self.size, 2)).astype(np.float32)


def frame_image(
    image: np.ndarray,
    shape: tuple[int, int, int],
    input_range: tuple[float, float],
    resize: str,
) -> Frame:
    """Returns an image as a network takes it.

    It is what `keras.layers.Resizing` makes of it, with and without `pad_to_aspect_ratio` and
    `crop_to_aspect_ratio`.

    Args:
        image: `(height, width, channels)`, pixel values of 0 to 255.
        shape: (height, width, channels) of the network's input.
        input_range: What the network takes for 0 and for 255.
        resize: "stretch", "pad" or "crop", see `specs.model_spec.RESIZINGS`.

    Raises:
        ValueError: If the image has another shape.
    """
    image = np.asarray(image, np.float32)
    if image.ndim != 3 or image.shape[-1] != shape[-1] or not image.size:
        raise ValueError(
            f"An image must have the shape (height, width, {shape[-1]}). Received: {image.shape}."
        )
    height, width = image.shape[:2]
    top = left = 0
    if resize == "pad":
        top, left = border((height, width), shape[:2])
    full = np.pad(image, ((top, top), (left, left), (0, 0)))
    cropped = resize == "crop"
    resized = np.asarray(
        keras.ops.image.resize(full, shape[:2], "bilinear", crop_to_aspect_ratio=cropped)
    )
    low, high = input_range
    # As `rescale` does in training, to the bit.
    pixels = resized * np.float32((high - low) / _LARGEST_PIXEL) + np.float32(low)
    if cropped:
        left, top = _cut((height, width), shape[:2])
        left, top = -left, -top
    return Frame(pixels, (width + 2 * left, height + 2 * top), (left, top), (width, height))


def border(
    size_px: tuple[Any, Any], frame_px: tuple[int, int], larger: Callable[..., Any] = max
) -> tuple[Any, Any]:
    """Returns the (top, left) border that gives an image the shape of a frame, in its own pixels.

    The borders at the bottom and on the right are as wide.

    Args:
        size_px: (height, width) of the image, whole numbers or tensors of them.
        frame_px: (height, width) of the frame.
        larger: Returns the larger of two numbers; `tf.maximum` for tensors.
    """
    height, width = size_px
    top = larger(width * frame_px[0] // frame_px[1] - height, 0) // 2
    left = larger(height * frame_px[1] // frame_px[0] - width, 0) // 2
    return top, left


def _cut(size_px: tuple[int, int], frame_px: tuple[int, int]) -> tuple[int, int]:
    """Returns the (left, top) that Keras cuts off, in pixels of the image."""
    height, width = size_px
    kept_height = min(int(width * frame_px[0] / frame_px[1]), height)
    kept_width = min(int(height * frame_px[1] / frame_px[0]), width)
    return int((width - kept_width) / 2), int((height - kept_height) / 2)
