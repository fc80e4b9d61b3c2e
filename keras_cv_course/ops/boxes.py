"""How much boxes overlap: IoU and its relatives, safe for boxes without area.

Boxes are float32 `(..., 4)`, (x_min, y_min, x_max, y_max). Other formats are converted at the
edges by `keras.utils.bounding_boxes.convert_format`; its "xywh" is the top left corner, width and
height, "center_xywh" the middle, and "rel_…" are parts of the image. Keras' `compute_iou` and
`compute_ciou` add a constant to areas, so that equal boxes are not at 1, and take no boxes side by
side; hence these.
"""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

# Keeps the quotient of width and height, and its gradient, finite for boxes without height.
_SMALLEST_SIDE = 1e-7


def area(boxes: Any) -> Any:
    """Returns the areas of boxes; 0 where a box has its corners the wrong way round.

    Args:
        boxes: `(..., 4)` xyxy.

    Returns:
        `(...)`, in the squared unit of `boxes`.
    """
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]


def intersection(boxes: Any, others: Any) -> Any:
    """Returns the area that two boxes share.

    Args:
        boxes: `(..., 4)` xyxy.
        others: `(..., 4)` xyxy; the leading dimensions broadcast.

    Returns:
        `(...)`, in the squared unit of the boxes.
    """
    # Coordinate by coordinate, because what broadcasts here is the largest tensor of a matcher.
    left, top = (ops.maximum(boxes[..., i], others[..., i]) for i in (0, 1))
    right, bottom = (ops.minimum(boxes[..., i], others[..., i]) for i in (2, 3))
    return ops.maximum(right - left, 0.0) * ops.maximum(bottom - top, 0.0)


def iou(boxes: Any, others: Any) -> Any:
    """Returns intersection over union, the Jaccard index.

    Args:
        boxes: `(..., 4)` xyxy.
        others: `(..., 4)` xyxy; the leading dimensions broadcast.

    Returns:
        `(...)` in [0, 1]: 1 for equal boxes, 0 for disjoint boxes and boxes without area.

    Example:
        >>> float(iou(np.array([0.0, 0, 2, 2]), np.array([1.0, 0, 3, 2])))  # 2 of 6
        0.3333333432674408
    """
    return _iou_and_union(boxes, others)[0]


def giou(boxes: Any, others: Any) -> Any:
    """Returns the generalized IoU, which also measures the gap between boxes that do not overlap.

    Args:
        boxes: `(..., 4)` xyxy.
        others: `(..., 4)` xyxy; the leading dimensions broadcast.

    Returns:
        `(...)` in (-1, 1]: IoU less the share of the smallest box around both that neither fills.

    Reference:
        "Generalized Intersection over Union", arXiv:1902.09630, algorithm 1.
    """
    overlap, union = _iou_and_union(boxes, others)
    hull = area(_hull(boxes, others))
    return overlap - ops.divide_no_nan(hull - union, hull)


def diou(boxes: Any, others: Any) -> Any:
    """Returns the distance IoU, which also measures the distance between the centers.

    Args:
        boxes: `(..., 4)` xyxy.
        others: `(..., 4)` xyxy; the leading dimensions broadcast.

    Returns:
        `(...)` in (-1, 1]: IoU less the squared distance of the middles over the squared diagonal
        of the smallest box around both.

    Reference:
        "Distance-IoU Loss", arXiv:1911.08287, equation 7.
    """
    hull = _hull(boxes, others)
    diagonal = ops.sum((hull[..., 2:] - hull[..., :2]) ** 2, axis=-1)
    apart = (boxes[..., :2] + boxes[..., 2:] - others[..., :2] - others[..., 2:]) / 2
    return iou(boxes, others) - ops.divide_no_nan(ops.sum(apart**2, axis=-1), diagonal)


def ciou(boxes: Any, others: Any) -> Any:
    """Returns the complete IoU, which also measures the difference of aspect ratios.

    Args:
        boxes: `(..., 4)` xyxy.
        others: `(..., 4)` xyxy; the leading dimensions broadcast.

    Returns:
        `(...)`, at most 1: DIoU less a weighted difference of the angles of the diagonals. The
        weight has no gradient, as in the authors' code.

    Reference:
        "Distance-IoU Loss", arXiv:1911.08287, equations 8 to 11.
    """
    difference = (4 / math.pi**2) * (_diagonal_angle(boxes) - _diagonal_angle(others)) ** 2
    weight = ops.divide_no_nan(difference, 1.0 - iou(boxes, others) + difference)
    return diou(boxes, others) - ops.stop_gradient(weight) * difference


MEASURES: dict[str, Callable[[Any, Any], Any]] = {
    "iou": iou,
    "giou": giou,
    "diou": diou,
    "ciou": ciou,
}


def pairwise(measure: Callable[[Any, Any], Any], boxes: Any, others: Any) -> Any:
    """Returns a measure of each box with each of the others.

    Args:
        measure: `iou`, `giou`, `diou`, `ciou` or `intersection`.
        boxes: `(..., n, 4)` xyxy.
        others: `(..., m, 4)` xyxy; the dimensions before them broadcast.

    Returns:
        `(..., n, m)`.

    Example:
        >>> pairwise(iou, anchors, boxes).shape
        (8732, 5)
    """
    return measure(boxes[..., :, None, :], others[..., None, :, :])


def _iou_and_union(boxes: Any, others: Any) -> tuple[Any, Any]:
    shared = intersection(boxes, others)
    union = area(boxes) + area(others) - shared
    return ops.divide_no_nan(shared, union), union


def _hull(boxes: Any, others: Any) -> Any:
    top_left = ops.minimum(boxes[..., :2], others[..., :2])
    bottom_right = ops.maximum(boxes[..., 2:], others[..., 2:])
    return ops.concatenate([top_left, bottom_right], axis=-1)


def _diagonal_angle(boxes: Any) -> Any:
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return ops.arctan2(sides[..., 0], sides[..., 1] + _SMALLEST_SIDE)
