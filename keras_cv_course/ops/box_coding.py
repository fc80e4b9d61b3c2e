"""Boxes as networks predict them: relative to anchors, or to the cell of a grid, and back.

Codes of this package are in the order (x, y, width, height) of the middle form. The operator
TFLite_Detection_PostProcess wants (y, x, height, width), see `postprocess_codes`.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

SSD_VARIANCES = (0.1, 0.1, 0.2, 0.2)
NO_VARIANCES = (1.0, 1.0, 1.0, 1.0)
# Of an anchor, so that logarithms are finite; 16 octaves down.
_SMALLEST_SIDE = 2.0**-16


def encode_boxes(boxes: Any, anchors: Any, variances: Sequence[float] = SSD_VARIANCES) -> Any:
    """Returns what a network must predict at anchors to give these boxes.

    Args:
        boxes: `(..., 4)` xyxy in pixels, one for each anchor.
        anchors: `(..., 4)` xyxy in pixels, with an area.
        variances: What the codes (x, y, width, height) are divided by.

    Returns:
        `(..., 4)`: shift of the middle in sides of the anchor, and logarithm of the quotients of
        the sides, each over its variance. Finite for boxes without area.

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, equation 2. The variances are in
        the authors' code; RetinaNet and Faster R-CNN take 1.
    """
    return keras.utils.bounding_boxes.encode_box_to_deltas(
        anchors,
        boxes,
        anchor_format="xyxy",
        box_format="xyxy",
        encoding_format="center_xywh",
        variance=variances,
    )


def decode_boxes(codes: Any, anchors: Any, variances: Sequence[float] = SSD_VARIANCES) -> Any:
    """Returns the boxes that codes represent, the inverse of `encode_boxes`.

    Args:
        codes: `(..., anchors, 4)`, (x, y, width, height) over `variances`.
        anchors: `(anchors, 4)` xyxy in pixels.
        variances: As in `encode_boxes`.

    Returns:
        `(..., anchors, 4)` xyxy in pixels; they may reach over the border of the image.
    """
    return keras.utils.bounding_boxes.decode_deltas_to_boxes(
        anchors,
        codes,
        anchor_format="xyxy",
        box_format="xyxy",
        encoded_format="center_xywh",
        variance=variances,
    )


def postprocess_codes(codes: Any) -> Any:
    """Returns codes in the order (y, x, height, width) that `DetectionPostProcess` takes.

    Its `scales` are `postprocess_scales(variances)`, and its anchors the same ones in the format
    "rel_center_xywh" of `keras.utils.bounding_boxes.convert_format`.
    """
    return ops.take(codes, [1, 0, 3, 2], axis=-1)


def postprocess_scales(variances: Sequence[float] = SSD_VARIANCES) -> tuple[float, ...]:
    """Returns the `scales` of `DetectionPostProcess` for variances, both (x, y, width, height).

    Example:
        >>> postprocess_scales((0.1, 0.1, 0.2, 0.2))
        (10.0, 10.0, 5.0, 5.0)
    """
    return tuple(1 / variance for variance in variances)


def encode_yolo(boxes: Any, anchors: Any, strides_px: Any) -> Any:
    """Returns where in its cell a box has its middle, and its sides over those of the anchor.

    Args:
        boxes: `(..., anchors, 4)` xyxy in pixels, with their middle in the cell of the anchor.
        anchors: `(anchors, 4)` xyxy in pixels, in the middle of their cells.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.

    Returns:
        `(..., anchors, 4)`: (x, y) in [0, 1] after the sigmoid, and logarithms of the sides.

    Reference:
        "YOLO9000: Better, Faster, Stronger", arXiv:1612.08242, section 2, "Direct location
        prediction"; "YOLOv3", arXiv:1804.02767, section 2.1.
    """
    shift, sides = _middle_and_sides(boxes, anchors)
    logs = ops.log(ops.maximum(sides, _SMALLEST_SIDE))
    return ops.concatenate([shift / strides_px + 0.5, logs], axis=-1)


def yolo_offsets(codes: Any, anchors: Any, strides_px: Any) -> Any:
    """Returns raw codes of YOLO as codes of `decode_boxes` with variances of 1.

    So boxes of YOLO can be decoded where SSD's are, in `DetectionPostProcess` too.

    Args:
        codes: `(..., anchors, 4)`: (x, y) before the sigmoid, and logarithms of the sides.
        anchors: `(anchors, 4)` xyxy in pixels, in the middle of their cells.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.

    Returns:
        `(..., anchors, 4)`, (x, y, width, height) relative to the anchors.
    """
    sides = anchors[..., 2:] - anchors[..., :2]
    shift = (ops.sigmoid(codes[..., :2]) - 0.5) * (strides_px / sides)
    return ops.concatenate([shift, codes[..., 2:]], axis=-1)


def decode_yolo(codes: Any, anchors: Any, strides_px: Any) -> Any:
    """Returns the boxes that raw codes of YOLOv2 and YOLOv3 represent.

    Args:
        codes: `(..., anchors, 4)`: (x, y) before the sigmoid, and logarithms of the sides.
        anchors: `(anchors, 4)` xyxy in pixels, in the middle of their cells.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.

    Returns:
        `(..., anchors, 4)` xyxy in pixels.
    """
    centers = (anchors[..., :2] + anchors[..., 2:]) / 2
    centers = centers + (ops.sigmoid(codes[..., :2]) - 0.5) * strides_px
    half = ops.exp(codes[..., 2:]) * (anchors[..., 2:] - anchors[..., :2]) / 2
    return ops.concatenate([centers - half, centers + half], axis=-1)


def encode_yolo_v1(boxes: Any, anchors: Any, strides_px: Any) -> Any:
    """Returns where in its cell a box has its middle, and the square roots of its sides.

    Args:
        boxes: `(..., anchors, 4)` xyxy in pixels.
        anchors: `(anchors, 4)` xyxy in pixels, in the middle of their cells, each as large as the
            image.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.

    Returns:
        `(..., anchors, 4)`: (x, y) in cells from the cell's corner, and square roots of width and
        height in parts of the image.

    Reference:
        "You Only Look Once", arXiv:1506.02640, section 2 and equation 3. The network predicts the
        roots, as in the authors' code, and not the sides.
    """
    shift, sides = _middle_and_sides(boxes, anchors)
    return ops.concatenate([shift / strides_px + 0.5, ops.sqrt(sides)], axis=-1)


def decode_yolo_v1(codes: Any, anchors: Any, strides_px: Any) -> Any:
    """Returns the boxes that codes of YOLOv1 represent, the inverse of `encode_yolo_v1`.

    Args:
        codes: `(..., anchors, 4)`. A negative root counts as its square.
        anchors: As in `encode_yolo_v1`.
        strides_px: As in `encode_yolo_v1`.

    Returns:
        `(..., anchors, 4)` xyxy in pixels.
    """
    centers = (anchors[..., :2] + anchors[..., 2:]) / 2 + (codes[..., :2] - 0.5) * strides_px
    half = codes[..., 2:] ** 2 * (anchors[..., 2:] - anchors[..., :2]) / 2
    return ops.concatenate([centers - half, centers + half], axis=-1)


def _middle_and_sides(boxes: Any, anchors: Any) -> tuple[Any, Any]:
    """Returns the shift from an anchor's middle in pixels, and the sides in sides of the anchor."""
    shift = (boxes[..., :2] + boxes[..., 2:] - anchors[..., :2] - anchors[..., 2:]) / 2
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return shift, ops.divide_no_nan(sides, anchors[..., 2:] - anchors[..., :2])
