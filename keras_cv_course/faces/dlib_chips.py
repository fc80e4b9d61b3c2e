"""dlib's chip: a face turned, scaled and shifted as its encoder was trained on."""

import numpy as np

from keras_cv_course._validation import check_whole
from keras_cv_course.faces.alignment import align_points

SIZE_PX = 150
_PADDING = 0.25  # of the face's size on each side
# Of iBUG's 68 points those that dlib aligns by: without jaw, eyebrows and the lower outer lip.
_OF_68 = (*range(27, 55), *range(60, 68))
# Where the mean face has them, (x, y) in shares of the chip without its padding.
_MEAN_FACE = np.array(
    [
        (0.490127, 0.203352),
        (0.490127, 0.307009),
        (0.490127, 0.409805),
        (0.490127, 0.515625),
        (0.36688, 0.587326),
        (0.426036, 0.609345),
        (0.490127, 0.628106),
        (0.554217, 0.609345),
        (0.613373, 0.587326),
        (0.121737, 0.216423),
        (0.187122, 0.178758),
        (0.265825, 0.179852),
        (0.334606, 0.231733),
        (0.260918, 0.245099),
        (0.182743, 0.244077),
        (0.645647, 0.231733),
        (0.714428, 0.179852),
        (0.793132, 0.178758),
        (0.858516, 0.216423),
        (0.79751, 0.244077),
        (0.719335, 0.245099),
        (0.254149, 0.780233),
        (0.340985, 0.745405),
        (0.428858, 0.727388),
        (0.490127, 0.742578),
        (0.551395, 0.727388),
        (0.639268, 0.745405),
        (0.726104, 0.780233),
        (0.290379, 0.784792),
        (0.428096, 0.778746),
        (0.490127, 0.785343),
        (0.552157, 0.778746),
        (0.689874, 0.784792),
        (0.553364, 0.824182),
        (0.490127, 0.831803),
        (0.42689, 0.824182),
    ]
)
_MEAN_FACE.flags.writeable = False


def dlib_chip(image: np.ndarray, points: np.ndarray, size_px: int = SIZE_PX) -> np.ndarray:
    """Returns the square image of a face as dlib's encoder takes it.

    Args:
        image: uint8 `(height, width)` or `(height, width, 3)`.
        points: Array `(68, 2)` of (x, y) in pixels of `image`, in the order of iBUG 300-W.
        size_px: Height and width of the result; the encoder takes 150.

    Returns:
        uint8 `(size_px, size_px)` or `(size_px, size_px, 3)`; black where `image` ends.

    Raises:
        TypeError: If `image` is not uint8.
        ValueError: If a shape is another, or the points are in one place.

    Reference:
        dlib, `get_face_chip_details` with padding 0.25, and its mean face.
    """
    check_whole("size_px", size_px)
    points = np.asarray(points, np.float64)
    if points.shape != (68, 2):
        raise ValueError(f"`points` must have the shape (68, 2). Received: {points.shape}.")
    target = (_PADDING + _MEAN_FACE) / (1 + 2 * _PADDING) * size_px
    return align_points(image, points[list(_OF_68)], target, size_px)
