"""What is in an image, for tests of metrics."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Image:
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    difficult: np.ndarray
    areas: np.ndarray


def image(boxes=(), labels=None, crowd=(), difficult=()):
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    rows = np.arange(len(boxes))
    sides = boxes[:, 2:] - boxes[:, :2]
    return Image(
        boxes=boxes,
        labels=np.zeros(len(boxes), np.int32) if labels is None else np.asarray(labels, np.int32),
        crowd=np.isin(rows, crowd),
        difficult=np.isin(rows, difficult),
        areas=sides.prod(1),
    )


def detections(*rows):
    """Rows of (x_min, y_min, x_max, y_max, score, class)."""
    table = np.asarray(rows, np.float32).reshape(-1, 6)
    return {"boxes": table[:, :4], "scores": table[:, 4], "classes": table[:, 5]}


def square(i, off=0.0):
    """The i-th of squares of 10 x 10 that lie apart, moved right by `off`."""
    return [20.0 * i + off, 0.0, 20.0 * i + 10 + off, 10.0]
