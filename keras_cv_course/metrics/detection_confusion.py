"""Which classes a detector takes for which, what it misses, and what it finds in the background."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_cv_course.metrics.detections import Truth, check_same_length, lie_inside, ranked_boxes
from keras_cv_course.ops.boxes import iou, pairwise
from keras_cv_course.ops.matching import bipartite_match


def detection_confusion(
    truths: Sequence[Truth],
    detections: Sequence[Mapping[str, Any]],
    classes: int,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.3,
) -> np.ndarray:
    """Returns how often each class was found as each class.

    Boxes of an image are paired one to one, the best overlaps first, regardless of their classes.
    A crowd or difficult box with its detections does not count.

    Args:
        truths: What is in each image.
        detections: What was found in each image, see `ranked_boxes`.
        classes: Number of classes.
        iou_threshold: Boxes that overlap by less are not a pair; above 0.
        score_threshold: Detections with a lower score are left out.

    Returns:
        int64 `(classes + 1, classes + 1)`: rows are what is there, columns what was found. The
        last row counts detections of nothing, the last column what was missed.

    Raises:
        ValueError: If the lengths differ or are 0.

    Example:
        >>> detection_confusion(truths, detections, classes=3)[0, -1]  # missed ones of class 0
        4
    """
    check_same_length(truths, detections)
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for truth, image in zip(truths, detections, strict=True):
        boxes, scores, labels = ranked_boxes(image)
        boxes, labels = boxes[scores >= score_threshold], labels[scores >= score_threshold]
        pairs = _pairs(truth.boxes, boxes, iou_threshold)
        free = truth.crowd | truth.difficult
        for there, predicted in pairs:
            if not free[there]:
                counts[truth.labels[there], labels[predicted]] += 1
        for missed in set(np.flatnonzero(~free).tolist()) - {there for there, _ in pairs}:
            counts[truth.labels[missed], classes] += 1
        excused = lie_inside(boxes, truth.boxes[free], iou_threshold)
        for alone in set(np.flatnonzero(~excused).tolist()) - {predicted for _, predicted in pairs}:
            counts[classes, labels[alone]] += 1
    return counts


def _pairs(truth: np.ndarray, boxes: np.ndarray, iou_threshold: float) -> list[tuple[int, int]]:
    if not len(truth) or not len(boxes):
        return []
    overlaps = np.array(pairwise(iou, truth.astype(np.float32), boxes.astype(np.float32)))
    overlaps[overlaps < iou_threshold] = 0.0
    match = np.asarray(bipartite_match(overlaps))
    return [(int(there), int(predicted)) for predicted, there in enumerate(match) if there >= 0]
