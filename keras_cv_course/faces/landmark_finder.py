"""Finds the 68 landmarks of a face in a photograph."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_cv_course.data.framing import Frame, frame_image
from keras_cv_course.faces.detection import Face

_PIXELS = (0.0, 255.0)
_SHAPE = (112, 112, 3)
_POINTS = 68


def frame_face(image: np.ndarray, face: Face) -> tuple[Frame, tuple[int, int]]:
    """Returns a face as the networks of landmarks, age and expressions take it, and its corner.

    The box is cut off at the image's edge, and has black borders where it is not square.

    Args:
        image: uint8 `(height, width, 3)`.
        face: Where the face is.

    Returns:
        The frame of 112 x 112 pixels, and (left, top) of what it shows in pixels of `image`.

    Raises:
        ValueError: If nothing of the box is in the image.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = face.box_xyxy
    x, y = math.floor(max(left, 0)), math.floor(max(top, 0))
    crop = image[
        y : max(math.ceil(min(bottom, height)), 0), x : max(math.ceil(min(right, width)), 0)
    ]
    if not crop.size:
        raise ValueError(
            f"The box of a face must overlap the image. Received: {face.box_xyxy} in an image of "
            f"{width} x {height}."
        )
    return frame_image(crop, _SHAPE, _PIXELS, "pad"), (x, y)


def find_landmarks(
    image: np.ndarray, face: Face, predict: Callable[[np.ndarray], Any]
) -> np.ndarray:
    """Returns the 68 points of a face, float64 `(68, 2)`, (x, y) in pixels of the image.

    Args:
        image: uint8 `(height, width, 3)`.
        face: Where the face is.
        predict: Takes float32 `(1, 112, 112, 3)` and gives `(1, 136)` as `FaceLandmarkNetwork`.

    Raises:
        ValueError: If nothing of the box is in the image, or `predict` gives something else.
    """
    frame, corner = frame_face(image, face)
    shares = np.asarray(predict(frame.pixels[None]), np.float64)
    if shares.shape != (1, 2 * _POINTS):
        raise ValueError(
            f"`predict` must give {2 * _POINTS} numbers for a face. Received: {shares.shape}."
        )
    return shares.reshape(_POINTS, 2) * frame.scale - frame.offset + corner
