"""From the boxes of an image to what a network's raw heads must say at each anchor.

They take one image or a batch, padded or not. In tf.data call them on single images: a batch
of 32 with many boxes fills the memory with its overlaps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_cv_course._validation import check_choice
from keras_cv_course.ops.box_coding import SSD_VARIANCES, encode_boxes
from keras_cv_course.ops.matching import IGNORED, match_anchors, match_cells, match_shapes

# Columns of a row of YOLO's targets.
YOLO_COLUMNS = {
    "box": slice(0, 4),
    "weight": slice(4, 5),
    "label": slice(5, 6),
    "anchor": slice(6, 10),
    "stride": slice(10, 12),
}
_YOLO_MATCHERS = {1: match_cells, 2: match_shapes, 3: match_shapes}


def encode_anchor_targets(
    boxes: Any,
    labels: Any,
    weights: Any = None,
    *,
    anchors: np.ndarray,
    variances: Sequence[float] = SSD_VARIANCES,
    positive: float = 0.5,
    negative: float | None = None,
    guarantee: str | None = "bipartite",
) -> dict[str, Any]:
    """Returns targets of SSD and RetinaNet, for `AnchorBoxLoss` and a loss of classes.

    Args:
        boxes: `(..., boxes, 4)` xyxy in pixels of the network input.
        labels: Whole numbers `(..., boxes)`, 0 to classes - 1, and -1 for padding.
        weights: `(..., boxes)` above 0, how much each box counts, as detection mixup gives them.
            None is 1 for all.
        anchors: `(anchors, 4)` xyxy in pixels.
        variances: As in `encode_boxes`; (1, 1, 1, 1) for RetinaNet.
        positive: As in `match_anchors`.
        negative: As in `match_anchors`; 0.4 for RetinaNet.
        guarantee: As in `match_anchors`; None for RetinaNet.

    Returns:
        float32 tensors: "boxes" `(..., anchors, 5)`, codes and the weight, which is 0 where there
        is no box to find; "classes" `(..., anchors, 2)`, the label, -1 for background, and the
        weight, 1 for background and 0 where the anchor is ignored.

    Raises:
        ValueError: If a threshold or `guarantee` is not one that `match_anchors` takes.

    Example:
        >>> anchors = anchor_boxes(ssd300_maps())
        >>> data.map(lambda images, boxes: (images, encode_anchor_targets(
        ...     boxes["boxes"], boxes["labels"], anchors=anchors)))
    """
    match = match_anchors(anchors, boxes, labels, positive, negative, guarantee)
    is_matched = match[..., None] >= 0
    rows = _rows_of(match, boxes, labels, weights)
    matched, weight, label = rows[..., :4], rows[..., 4:5], rows[..., 5:]
    codes = encode_boxes(matched, ops.convert_to_tensor(anchors), variances)
    counted = ops.where(match == IGNORED, 0.0, 1.0)[..., None]
    return {
        "boxes": ops.concatenate([ops.where(is_matched, codes, 0.0), weight], axis=-1),
        "classes": ops.concatenate([label, ops.where(is_matched, weight, counted)], axis=-1),
    }


def encode_yolo_targets(
    boxes: Any,
    labels: Any,
    weights: Any = None,
    *,
    anchors: np.ndarray,
    strides_px: np.ndarray,
    version: int = 3,
) -> Any:
    """Returns targets of YOLO, for `YOLOv1Loss`, `YOLOv2Loss` and `YOLOv3Loss`.

    One row for each anchor holds its target and its position, so that one loss serves inputs of
    any size. One row for each box of the image follows: a prediction that overlaps one of these is
    not punished, although the box is assigned to another anchor.

    Args:
        boxes: `(..., boxes, 4)` xyxy in pixels of the network input.
        labels: Whole numbers `(..., boxes)`, 0 to classes - 1, and -1 for padding.
        weights: `(..., boxes)` above 0, how much each box counts. None is 1 for all.
        anchors: `(anchors, 4)` xyxy in pixels; for version 1 each as large as the image, with
            the anchors of a cell side by side.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.
        version: 1 gives a box to all anchors of its cell, 2 and 3 to the most similar.

    Returns:
        float32 `(..., anchors + boxes, 12)` with the columns `YOLO_COLUMNS`: box xyxy in pixels,
        weight (0 where there is nothing to find), label (-1 there), anchor xyxy and stride.

    Raises:
        ValueError: If `version` is not 1, 2 or 3.

    Example:
        >>> maps = yolo_maps((416, 416), (8, 16, 32), YOLOV3_SHAPES)
        >>> options = {"anchors": anchor_boxes(maps), "strides_px": anchor_strides(maps)}
        >>> encode_yolo_targets(boxes, labels, **options).shape
        (10697, 12)
    """
    check_choice("version", version, _YOLO_MATCHERS)
    match = _YOLO_MATCHERS[version](anchors, strides_px, boxes, labels)
    rows = _rows_of(match, boxes, labels, weights)
    places = ops.concatenate([anchors, strides_px], axis=-1)  # (anchors, 6)
    at_anchors = ops.concatenate([rows, places + ops.zeros_like(rows)], axis=-1)
    of_boxes = _rows(boxes, labels, weights)
    of_boxes = ops.concatenate([of_boxes, ops.zeros_like(of_boxes)], axis=-1)  # They have no place.
    return ops.concatenate([at_anchors, of_boxes], axis=-2)


def _rows(boxes: Any, labels: Any, weights: Any) -> Any:
    """Returns box, weight and label side by side, `(..., boxes, 6)`; padding has the weight 0."""
    real = ops.cast(labels >= 0, "float32")
    weights = real if weights is None else real * ops.cast(weights, "float32")
    columns = [boxes, weights[..., None], labels[..., None]]
    return ops.concatenate([ops.cast(column, "float32") for column in columns], axis=-1)


def _rows_of(match: Any, boxes: Any, labels: Any, weights: Any) -> Any:
    """Returns the row of the box that each anchor has to find; zeros and the label -1 for none."""
    leading = [(0, 0)] * (len(boxes.shape) - 2)
    rows = ops.pad(_rows(boxes, labels, weights), [*leading, (1, 0), (0, 0)])
    index = ops.maximum(match, -1) + 1
    targets = ops.take_along_axis(rows, index[..., None], axis=-2)
    label = ops.where(index[..., None] == 0, -1.0, targets[..., 5:])
    return ops.concatenate([targets[..., :5], label], axis=-1)
