"""A picture of any size in the frame of a network's input, and boxes on their way back."""

from dataclasses import dataclass

import keras
import numpy as np

FRAMINGS = ("stretch", "letterbox")
_GREY = 127.5


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture as a network takes it.

    Attributes:
        pixels: float32 `(height, width, channels)` of the network's input.
        scale: (width, height) of the whole frame in pixels of the picture.
        offset: (x, y) of the picture's corner in the frame, in pixels of the picture.
        size: (width, height) of the picture in its pixels.
    """

    pixels: np.ndarray
    scale: tuple[float, float]
    offset: tuple[float, float]
    size: tuple[int, int]

    def to_picture(self, boxes: np.ndarray) -> np.ndarray:
        """Returns boxes in pixels of the picture, cut off at its border.

        Args:
            boxes: `(count, 4)` xyxy in parts of the frame.
        """
        moved = boxes * (2 * self.scale) - np.float32(2 * self.offset)
        return np.clip(moved, 0, 2 * self.size).astype(np.float32)


def frame_picture(
    image: np.ndarray, size_px: tuple[int, int], channels: int, framing: str
) -> Frame:
    """Returns a picture in a frame, pixel values as they were.

    Args:
        image: `(height, width, channels)`.
        size_px: (height, width) of the frame.
        channels: What the network takes.
        framing: "stretch" or "letterbox", which puts the picture in the middle of a grey frame.

    Raises:
        ValueError: If the picture has another shape.
    """
    image = np.asarray(image, np.float32)
    if image.ndim != 3 or image.shape[-1] != channels or not image.size:
        raise ValueError(
            f"A picture must have the shape (height, width, {channels}). Received: {image.shape}."
        )
    height, width = image.shape[:2]
    frame_height, frame_width = float(height), float(width)
    if framing == "letterbox":
        frame_height = max(frame_height, width * size_px[0] / size_px[1])
        frame_width = max(frame_width, height * size_px[1] / size_px[0])
    inner = (
        max(1, round(size_px[0] * height / frame_height)),
        max(1, round(size_px[1] * width / frame_width)),
    )
    resized = keras.ops.image.resize(image, inner, interpolation="bilinear", antialias=True)
    pixels = np.full((*size_px, channels), _GREY, np.float32)
    top, left = (size_px[0] - inner[0]) // 2, (size_px[1] - inner[1]) // 2
    pixels[top : top + inner[0], left : left + inner[1]] = np.asarray(resized)
    # In whole pixels of the frame, as they were drawn.
    scale = (size_px[1] / inner[1] * width, size_px[0] / inner[0] * height)
    offset = (left / inner[1] * width, top / inner[0] * height)
    return Frame(pixels, scale, offset, (width, height))
