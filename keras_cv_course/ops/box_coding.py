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
    """Returns the boxes that codes stand for, the inverse of `encode_boxes`.

    Args:
        codes: `(..., anchors, 4)`, (x, y, width, height) over `variances`.
        anchors: `(anchors, 4)` xyxy in pixels.
        variances: As in `encode_boxes`.

    Returns:
        `(..., anchors, 4)` xyxy in pixels; they may reach over the border of the picture.
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
    shift = encode_boxes(boxes, anchors, NO_VARIANCES)
    sides = anchors[..., 2:] - anchors[..., :2]
    in_cell = shift[..., :2] * sides / strides_px + 0.5
    return ops.concatenate([in_cell, shift[..., 2:]], axis=-1)


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
    """Returns the boxes that raw codes of YOLOv2 and YOLOv3 stand for.

    Args:
        codes: `(..., anchors, 4)`: (x, y) before the sigmoid, and logarithms of the sides.
        anchors: `(anchors, 4)` xyxy in pixels, in the middle of their cells.
        strides_px: `(anchors, 2)` (x, y) sizes of the cells.

    Returns:
        `(..., anchors, 4)` xyxy in pixels.
    """
    return decode_boxes(yolo_offsets(codes, anchors, strides_px), anchors, NO_VARIANCES)


def decode_yolo_v1(codes: Any, grid: int, boxes_per_cell: int, input_shape: tuple[int, int]) -> Any:
    """Returns the boxes that codes of YOLOv1 stand for.

    Args:
        codes: `(..., grid * grid * boxes_per_cell, 4)`: (x, y) in cells from the cell's corner,
            and square roots of width and height in parts of the picture.
        grid: Cells on a side, the paper's S.
        boxes_per_cell: The paper's B.
        input_shape: (height, width) of the network input in pixels.

    Returns:
        The shape of `codes`, xyxy in pixels. A negative root counts as its square.

    Reference:
        "You Only Look Once", arXiv:1506.02640, section 2 and equation 3. The roots are predicted,
        as in the authors' code (`sqrt=1`), and not the sides.
    """
    cells = ops.arange(grid * grid * boxes_per_cell) // boxes_per_cell
    corners = ops.cast(ops.stack([cells % grid, cells // grid], axis=-1), codes.dtype)
    centers = (corners + codes[..., :2]) / grid
    half = codes[..., 2:] ** 2 / 2
    height, width = input_shape
    relative = ops.concatenate([centers - half, centers + half], axis=-1)
    return relative * ops.cast([width, height, width, height], codes.dtype)
