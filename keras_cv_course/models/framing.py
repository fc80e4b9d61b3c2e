"""A picture of any size in the frame of a network's input, and boxes on their way back."""

from dataclasses import dataclass

import keras
import numpy as np

# "stretch" fills the frame; "pad" keeps the picture's shape, in the middle of black borders.
RESIZINGS = ("stretch", "pad")


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture as a network takes it.

    Attributes:
        pixels: float32 `(height, width, channels)` of the network's input.
        scale: (width, height) of the whole frame, in pixels of the picture.
        offset: (x, y) of the picture's corner in the frame, in pixels of the picture.
        size: (width, height) of the picture in its pixels.
    """

    pixels: np.ndarray
    scale: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]

    def to_picture(self, boxes: np.ndarray) -> np.ndarray:
        """Returns boxes in pixels of the picture, cut off at its border.

        Args:
            boxes: `(count, 4)` xyxy in parts of the frame.
        """
        moved = boxes * np.tile(self.scale, 2) - np.tile(self.offset, 2)
        return np.clip(moved, 0, np.tile(self.size, 2)).astype(np.float32)


def frame_picture(image: np.ndarray, size_px: tuple[int, int], channels: int, resize: str) -> Frame:
    """Returns a picture in a frame, pixel values as they were.

    It is what `keras.layers.Resizing` makes of it, with and without `pad_to_aspect_ratio`.

    Args:
        image: `(height, width, channels)`.
        size_px: (height, width) of the frame.
        channels: What the network takes.
        resize: "stretch" or "pad", see `RESIZINGS`.

    Raises:
        ValueError: If the picture has another shape.
    """
    image = np.asarray(image, np.float32)
    if image.ndim != 3 or image.shape[-1] != channels or not image.size:
        raise ValueError(
            f"A picture must have the shape (height, width, {channels}). Received: {image.shape}."
        )
    height, width = image.shape[:2]
    top = left = 0
    if resize == "pad":
        top = max(int(width * size_px[0] / size_px[1]) - height, 0) // 2
        left = max(int(height * size_px[1] / size_px[0]) - width, 0) // 2
    full = np.pad(image, ((top, top), (left, left), (0, 0)))
    pixels = np.asarray(keras.ops.image.resize(full, size_px, interpolation="bilinear"))
    return Frame(pixels, (width + 2 * left, height + 2 * top), (left, top), (width, height))
