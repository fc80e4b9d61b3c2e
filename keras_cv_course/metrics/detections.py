"""What metrics of detection take: the boxes that are in an image, and those that were found."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np


class Truth(Protocol):
    """The boxes that are in an image, e.g. a `data.annotations.AnnotatedImage`.

    Attributes:
        boxes: float32 `(n, 4)` xyxy in pixels of the image.
        labels: int32 `(n,)`, 0 to classes - 1.
        crowd: bool `(n,)`: the box holds many objects, and any number of detections may lie in it.
        difficult: bool `(n,)`: objects that count neither as found nor as missed.
        areas: float32 `(n,)`, of the object and not of the box, in pixels.
    """

    @property
    def boxes(self) -> np.ndarray:
        """Boxes."""

    @property
    def labels(self) -> np.ndarray:
        """Classes."""

    @property
    def crowd(self) -> np.ndarray:
        """Whether a box holds many objects."""

    @property
    def difficult(self) -> np.ndarray:
        """Whether a box need not be found."""

    @property
    def areas(self) -> np.ndarray:
        """Areas of the objects."""


def ranked_boxes(detections: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the detections of an image without padding, the best first.

    Args:
        detections: "boxes" `(n, 4)` xyxy in pixels of the image, "scores" `(n,)` and "classes"
            `(n,)`, -1 for padding; a score of 0 is padding too.

    Returns:
        float64 boxes and scores, and int64 classes.

    Raises:
        ValueError: If the lengths differ, or a number is not finite.
    """
    boxes = np.asarray(detections["boxes"], np.float64).reshape(-1, 4)
    scores = np.asarray(detections["scores"], np.float64).reshape(-1)
    classes = np.asarray(detections["classes"]).reshape(-1).astype(np.int64)
    if not len(boxes) == len(scores) == len(classes):
        raise ValueError(
            "`detections` must hold as many boxes as scores and classes. Received: "
            f"{len(boxes)} boxes, {len(scores)} scores, {len(classes)} classes."
        )
    real = (classes >= 0) & (scores > 0)
    if not (np.isfinite(boxes[real]).all() and np.isfinite(scores).all()):
        raise ValueError(
            "`detections` must hold finite numbers. Received a box or a score that is not; look "
            "for a learning rate that is too high."
        )
    order = np.flatnonzero(real)[np.argsort(-scores[real], kind="stable")]
    return boxes[order], scores[order], classes[order]


def lie_inside(boxes: np.ndarray, others: np.ndarray, share: float) -> np.ndarray:
    """Returns whether at least a share of each box lies in one of some others.

    Args:
        boxes: `(n, 4)` xyxy.
        others: `(m, 4)` xyxy.
        share: Of the area of the box, above 0.

    Returns:
        bool `(n,)`.
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = (high - low).clip(0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return (common >= share * areas[:, None]).any(axis=1)


def check_same_length(truths: Sequence[Any], detections: Sequence[Any]) -> None:
    """Raises ValueError unless there are detections for each image, and an image at all."""
    if len(truths) != len(detections):
        raise ValueError(
            "`detections` must hold one dict for each of `truths`. "
            f"Received: {len(detections)} for {len(truths)} images."
        )
    if not truths:
        raise ValueError("`truths` must hold at least one image. Received none.")
