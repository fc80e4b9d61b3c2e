"""Turns, scales and shifts a face so that eyes, nose and mouth are where those of all are."""

import math

import numpy as np
from PIL import Image

from keras_cv_course._validation import check_whole

TEMPLATE_SIZE_PX = 112
# Left eye, right eye, tip of the nose, left and right corner of the mouth, as the image shows
# them; (x, y) in pixels, where the middle of the first pixel is (0, 0). The template that ArcFace
# and most after it are trained with.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE.flags.writeable = False

# Of iBUG's 68 points: those around each eye, the tip of the nose, the corners of the mouth.
_OF_68 = (range(36, 42), range(42, 48), (30,), (48,), (54,))


def five_of_68(points: np.ndarray) -> np.ndarray:
    """Returns eyes, nose and corners of the mouth of a face with 68 landmarks.

    Args:
        points: Array `(68, 2)` or `(n, 68, 2)` of (x, y) in the order of iBUG 300-W.

    Returns:
        float64 `(5, 2)` or `(n, 5, 2)` in the order of `TEMPLATE`; an eye is the mean of the six
        points around it.

    Raises:
        ValueError: If the shape is another.

    Reference:
        "300 Faces In-The-Wild Challenge", Sagonas et al., Image and Vision Computing 47 (2016),
        figure 1: the numbers of the points.
    """
    points = np.asarray(points, np.float64)
    if points.ndim not in (2, 3) or points.shape[-2:] != (68, 2):
        raise ValueError(
            f"`points` must have the shape (68, 2) or (n, 68, 2). Received: {points.shape}."
        )
    return np.stack([points[..., list(rows), :].mean(-2) for rows in _OF_68], axis=-2)


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the turn, scale and shift that brings points closest to others.

    It minimizes the sum of squared distances, and never mirrors.

    Args:
        source: Array `(n, 2)` of (x, y), at least two different points.
        target: Where they shall go, `(n, 2)`.

    Returns:
        float64 `(2, 3)`: a point goes to `matrix[:, :2] @ point + matrix[:, 2]`.

    Raises:
        ValueError: If the shapes differ, or there are no two different finite points.

    Reference:
        "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns",
        Umeyama, PAMI 13 (1991), equations 40 to 43.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(
            "`source` and `target` must have the same shape (n, 2). "
            f"Received: {source.shape} and {target.shape}."
        )
    start, end = source - source.mean(0), target - target.mean(0)
    variance = (start**2).sum()
    if not np.isfinite(variance) or not np.isfinite(end).all() or variance == 0:
        raise ValueError(
            "`source` must hold two different points, and all must be finite. "
            f"Received: {source.tolist()} and {target.tolist()}."
        )
    # In the plane, to turn and scale is to multiply by a complex number, which Umeyama's rotation
    # and scale are; it is a linear regression then, and cannot mirror.
    factor = np.vdot(start @ (1, 1j), end @ (1, 1j)) / variance
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])


def align_face(
    image: np.ndarray, landmarks: np.ndarray, size_px: int = TEMPLATE_SIZE_PX
) -> np.ndarray:
    """Returns the square image of a face whose landmarks lie as in `TEMPLATE`.

    Args:
        image: uint8 `(height, width)` or `(height, width, 3)`.
        landmarks: Array `(5, 2)` of (x, y) in pixels of `image`, in the order of `TEMPLATE`.
        size_px: Height and width of the result; the template is scaled to it.

    Returns:
        uint8 `(size_px, size_px)` or `(size_px, size_px, 3)`; black where `image` ends.

    Raises:
        TypeError: If `image` is not uint8.
        ValueError: If a shape is another, or the landmarks are in one place.

    Example:
        >>> aligned = align_face(image, five_of_68(points))
        >>> aligned.shape
        (112, 112, 3)

    Reference:
        "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", arXiv:1801.07698,
        section 3.1: faces aligned by five points to 112 by 112 pixels.
    """
    check_whole("size_px", size_px)
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.shape != TEMPLATE.shape:
        raise ValueError(f"`landmarks` must have the shape (5, 2). Received: {landmarks.shape}.")
    # In Pillow the middle of the first pixel is (0.5, 0.5).
    target = (TEMPLATE + 0.5) * (size_px / TEMPLATE_SIZE_PX) - 0.5
    return align_points(image, landmarks, target, size_px)


def align_points(
    image: np.ndarray, points: np.ndarray, target: np.ndarray, size_px: int
) -> np.ndarray:
    """Returns a square image in which points lie as close to others as turn, scale and shift bring.

    Args:
        image: uint8 `(height, width)` or `(height, width, 3)`.
        points: Array `(n, 2)` of (x, y) in pixels of `image`, where the middle of the first pixel
            is (0, 0).
        target: Where they shall lie in the result, `(n, 2)`.
        size_px: Height and width of the result.

    Returns:
        uint8 `(size_px, size_px)` or `(size_px, size_px, 3)`; black where `image` ends.

    Raises:
        TypeError: If `image` is not uint8.
        ValueError: If a shape is another, or the points are in one place.
    """
    pil_image = as_pil_image(image)
    matrix = similarity_transform(np.asarray(points) + 0.5, np.asarray(target) + 0.5)
    # Pillow wants to know where each pixel of the result comes from.
    linear = np.linalg.inv(matrix[:, :2])
    back = np.column_stack([linear, -linear @ matrix[:, 2]])
    # Pixels that shrink to less than one are averaged first, so that none is skipped.
    shrinking = max(1, math.floor(math.hypot(*back[:, 0])))
    if shrinking > 1:
        pil_image, back = pil_image.reduce(shrinking), back / shrinking
    aligned = pil_image.transform(
        (size_px, size_px),
        Image.Transform.AFFINE,
        tuple(back.ravel()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(aligned)


def as_pil_image(image: np.ndarray) -> Image.Image:
    """Returns an image of Pillow; raises TypeError or ValueError for what is none."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise TypeError(f"`image` must be uint8. Received: {image.dtype}.")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
        raise ValueError(
            "`image` must have the shape (height, width) or (height, width, 3). "
            f"Received: {image.shape}."
        )
    return Image.fromarray(image)
