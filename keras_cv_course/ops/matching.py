"""Which anchor has to find which box; no loop over boxes in Python.

A match is an int32 `(..., anchors)`: the index of a box, `BACKGROUND`, or `IGNORED`.
"""

from typing import Any

from keras import ops

from keras_cv_course._validation import check_choice
from keras_cv_course.ops.boxes import iou, pairwise

BACKGROUND = -1
IGNORED = -2
GUARANTEES = ("bipartite", "best", None)


def bipartite_match(overlaps: Any) -> Any:
    """Returns a match that gives every box an anchor of its own, the best overlaps first.

    The largest overlap of all gets its box and its anchor, both are struck out, and so on, until
    no box is left. Of equal overlaps the one of the first anchor comes first, then of the first
    box. It is done in rounds: a box and an anchor that are each other's best are taken at once,
    because nothing before them could have struck them out. There are as many rounds as boxes only
    if all want the same anchor.

    Args:
        overlaps: `(..., boxes, anchors)`, at most 1. A box that overlaps nothing by more than 0
            stays without anchor, and so does padding, whose overlaps must be 0 or below.

    Returns:
        int32 `(..., anchors)`: the index of a box, or `BACKGROUND`.

    Reference:
        "Dive into Deep Learning", section "Anchor Boxes", the assignment of ground-truth boxes.
    """
    overlaps = ops.cast(overlaps, "float32")
    count, anchors = ops.shape(overlaps)[-2:]
    boxes = ops.arange(count, dtype="int32")
    nothing = ops.zeros_like(overlaps[..., 0], dtype="int32") + BACKGROUND  # (..., boxes)

    def take_mutual_best(anchor_of_box: Any, waiting: Any) -> tuple[Any, Any]:
        free = box_of_anchor(anchor_of_box, anchors) == BACKGROUND
        left = ops.where(waiting[..., None] & free[..., None, :], overlaps, 0.0)
        best = ops.argmax(left, axis=-1)  # (..., boxes)
        rivals = ops.take_along_axis(left, best[..., None, :], axis=-1)  # for each best anchor
        wanting = ops.max(left, axis=-1) > 0
        mutual = wanting & (ops.cast(ops.argmax(rivals, axis=-2), "int32") == boxes)
        taken = ops.where(mutual, ops.cast(best, "int32"), anchor_of_box)
        return taken, wanting & ~mutual

    anchor_of_box, _ = ops.while_loop(
        lambda _, waiting: ops.any(waiting), take_mutual_best, (nothing, nothing == BACKGROUND)
    )
    return box_of_anchor(anchor_of_box, anchors)


def threshold_match(overlaps: Any, positive: float = 0.5, negative: float | None = None) -> Any:
    """Returns a match of every anchor with the box that it overlaps most, where that is enough.

    Args:
        overlaps: `(..., boxes, anchors)`; those of padding must be 0 or below.
        positive: An anchor that overlaps its best box by at least this is matched; above 0.
        negative: Below this it is background, and in between ignored. None is `positive`.

    Returns:
        int32 `(..., anchors)`: the index of a box, `BACKGROUND` or `IGNORED`.

    Raises:
        ValueError: If not 0 <= `negative` <= `positive`, or `positive` is not above 0.
    """
    negative = positive if negative is None else negative
    if not 0 <= negative <= positive or positive <= 0:
        raise ValueError(
            "`positive` must be above 0, and `negative` from 0 to it. "
            f"Received: positive={positive!r}, negative={negative!r}."
        )
    best = ops.max(overlaps, axis=-2)
    box = ops.cast(ops.argmax(overlaps, axis=-2), "int32")
    missed = ops.where(best < negative, BACKGROUND, IGNORED)
    return ops.where(best >= positive, box, missed)


def match_anchors(
    anchors: Any,
    boxes: Any,
    labels: Any,
    positive: float = 0.5,
    negative: float | None = None,
    guarantee: str | None = "bipartite",
) -> Any:
    """Returns which box each anchor has to find.

    SSD and the deck match boxes to anchors one to one first, and then every other anchor by
    threshold. RetinaNet has thresholds 0.5 and 0.4, and no guarantee.

    Args:
        anchors: `(anchors, 4)` xyxy.
        boxes: `(..., boxes, 4)` xyxy, in the unit of `anchors`.
        labels: `(..., boxes)`, -1 for padding.
        positive: See `threshold_match`.
        negative: See `threshold_match`.
        guarantee: "bipartite" gives every box with an area that any anchor overlaps an anchor of
            its own; "best" gives it the anchor that overlaps it most, if no box before it has
            that; None leaves boxes without an anchor that are under the threshold everywhere.

    Returns:
        int32 `(..., anchors)`: the index of a box, `BACKGROUND` or `IGNORED`.

    Raises:
        ValueError: If `guarantee` is not one of these, or a threshold is out of its range.

    Example:
        >>> match = match_anchors(anchor_boxes(ssd300_maps()), boxes, labels)

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, section 2.2, "Matching strategy";
        "Focal Loss for Dense Object Detection", arXiv:1708.02002, section 4, "Anchors".
    """
    check_choice("guarantee", guarantee, GUARANTEES)
    boxes, labels = _without_padding(boxes, labels)
    overlaps = pairwise(iou, boxes, ops.convert_to_tensor(anchors))
    overlaps = ops.where(labels[..., None] >= 0, overlaps, -1.0)  # (..., boxes, anchors)
    match = threshold_match(overlaps, positive, negative)
    if guarantee is None:
        return match
    if guarantee == "bipartite":
        own = bipartite_match(overlaps)
    else:
        best = ops.cast(ops.argmax(overlaps, axis=-1), "int32")
        matched = ops.max(overlaps, axis=-1) > 0
        own = box_of_anchor(ops.where(matched, best, BACKGROUND), ops.shape(overlaps)[-1])
    return ops.where(own >= 0, own, match)


def match_shapes(anchors: Any, strides_px: Any, boxes: Any, labels: Any) -> Any:
    """Returns the match of YOLOv2 and YOLOv3: each box with one anchor of the cell of its middle.

    Of the anchors in whose cell a box has its middle, on all maps, that of the most similar shape
    is taken: the IoU as if both had the same middle. Where two boxes want one anchor, the first
    gets it. A middle on the right or bottom border belongs to the last cell.

    Args:
        anchors: `(anchors, 4)` xyxy in pixels, in the middle of their cells.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.
        boxes: `(..., boxes, 4)` xyxy in pixels.
        labels: `(..., boxes)`, -1 for padding.

    Returns:
        int32 `(..., anchors)`: the index of a box, or `BACKGROUND`.

    Reference:
        "YOLOv3: An Incremental Improvement", arXiv:1804.02767, section 2.1.
    """
    boxes, labels = _without_padding(boxes, labels)
    anchors = ops.convert_to_tensor(anchors)
    sides = boxes[..., 2:] - boxes[..., :2]
    origin = ops.concatenate([ops.zeros_like(sides), sides], axis=-1)
    shapes = ops.concatenate(
        [ops.zeros_like(anchors[..., :2]), anchors[..., 2:] - anchors[..., :2]], axis=-1
    )
    here = _in_cell(boxes, anchors, strides_px)
    similar = ops.where(here, pairwise(iou, origin, shapes), 0.0)  # (..., boxes, anchors)
    matched = (ops.max(similar, axis=-1) > 0) & (labels >= 0)
    best = ops.cast(ops.argmax(similar, axis=-1), "int32")
    return box_of_anchor(ops.where(matched, best, BACKGROUND), ops.shape(similar)[-1])


def match_cells(anchors: Any, strides_px: Any, boxes: Any, labels: Any) -> Any:
    """Returns the match of YOLOv1: all anchors of a cell with the first box in its middle.

    Which of them has to find it, the loss decides by what they predict.

    Args:
        anchors: `(anchors, 4)` xyxy in pixels, in the middle of their cells.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.
        boxes: `(..., boxes, 4)` xyxy in pixels. Those without area are left out.
        labels: `(..., boxes)`, -1 for padding.

    Returns:
        int32 `(..., anchors)`: the index of a box, or `BACKGROUND`.

    Reference:
        "You Only Look Once", arXiv:1506.02640, section 2.
    """
    boxes, labels = _without_padding(boxes, labels)
    real = (labels >= 0) & ops.all(boxes[..., 2:] > boxes[..., :2], axis=-1)
    return _first_box(_in_cell(boxes, ops.convert_to_tensor(anchors), strides_px) & real[..., None])


def box_of_anchor(anchor_of_box: Any, anchors: int) -> Any:
    """Returns which box took each anchor, from which anchor each box took; the first box wins.

    Args:
        anchor_of_box: int32 `(..., boxes)`, `BACKGROUND` for boxes that took none.
        anchors: Number of anchors.

    Returns:
        int32 `(..., anchors)`: the index of a box, or `BACKGROUND`.
    """
    return _first_box(anchor_of_box[..., None] == ops.arange(anchors, dtype="int32"))


def _first_box(took: Any) -> Any:
    """Returns the first box, if any, that is True for each anchor in `(..., boxes, anchors)`."""
    first = ops.cast(ops.argmax(took, axis=-2), "int32")  # Of equal values argmax takes the first.
    return ops.where(ops.any(took, axis=-2), first, BACKGROUND)


def _in_cell(boxes: Any, anchors: Any, strides_px: Any) -> Any:
    """Returns whether each box has its middle in the cell of each anchor."""
    strides = ops.convert_to_tensor(strides_px)
    middle = (anchors[..., :2] + anchors[..., 2:]) / 2
    low, high = middle - strides / 2, middle + strides / 2
    extent = ops.max(high, axis=0)
    center = (boxes[..., :2] + boxes[..., 2:]) / 2
    # A middle on the far border is moved into the last cell, by less than a cell's width.
    center = ops.where(center == extent, extent - ops.min(strides) / 2, center)[..., None, :]
    return ops.all((low <= center) & (center < high), axis=-1)


def _without_padding(boxes: Any, labels: Any) -> tuple[Any, Any]:
    """Returns the boxes up to the last that is real in any image, but at least one."""
    leading = [(0, 0)] * (len(boxes.shape) - 2)
    boxes = ops.pad(boxes, [*leading, (0, 1), (0, 0)])
    labels = ops.pad(labels, [*leading, (0, 1)], constant_values=-1)
    numbers = ops.arange(1, ops.shape(labels)[-1] + 1, dtype="int32")
    most = ops.maximum(ops.max(ops.where(labels >= 0, numbers, 0)), 1)
    return boxes[..., :most, :], labels[..., :most]
