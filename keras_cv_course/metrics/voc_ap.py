"""Average precision as in the Pascal VOC challenges: of 11 points until 2009, the area since."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_cv_course._validation import check_choice
from keras_cv_course.metrics.detections import Truth, check_same_length, lie_inside, ranked_boxes
from keras_cv_course.ops.boxes import iou, pairwise

KINDS = ("area", "11_points")


def voc_average_precision(
    truths: Sequence[Truth],
    detections: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    iou_threshold: float = 0.5,
    kind: str = "area",
) -> dict[str, float]:
    """Returns the average precision of each class, and their mean.

    Detections of a class are taken from all images in the order of their scores. One is right if
    the box of its class that it overlaps most is overlapped by at least `iou_threshold` and was
    not found before. It does not count if that box is difficult, nor does a wrong one of which at
    least `iou_threshold` of the area lies in a crowd.

    Args:
        truths: What is in each image.
        detections: What was found in each image, see `ranked_boxes`.
        class_names: Names of the classes, by label.
        iou_threshold: See above.
        kind: "area" under the curve of the best precision at each recall or beyond, or
            "11_points", the mean of that precision at the recalls 0, 0.1, …, 1.

    Returns:
        "mAP", the mean over the classes that occur, and the AP of each by its name, nan for those
        that do not occur. In [0, 1].

    Raises:
        ValueError: If the lengths differ or are 0, or `kind` is unknown.

    Example:
        >>> voc_average_precision(truths, detections, ("cat", "dog"))["mAP"]

    Reference:
        "The Pascal Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2; the development
        kit's VOCevaldet.m. Boxes that are equally near are ranked by their order.
    """
    check_choice("kind", kind, KINDS)
    check_same_length(truths, detections)
    predicted = [ranked_boxes(image) for image in detections]
    by_class = {
        name: _average_precision(truths, predicted, label, iou_threshold, kind)
        for label, name in enumerate(class_names)
    }
    occurring = [value for value in by_class.values() if not np.isnan(value)]
    return {"mAP": float(np.mean(occurring)) if occurring else float("nan"), **by_class}


def precision_recall(
    truths: Sequence[Truth],
    detections: Sequence[Mapping[str, Any]],
    label: int,
    iou_threshold: float = 0.5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the curve of one class, for plots.

    Args:
        truths: What is in each image.
        detections: What was found in each image.
        label: The class.
        iou_threshold: As in `voc_average_precision`.

    Returns:
        Precisions, recalls and scores, `(n,)` each: of the detections up to each, the best first.

    Raises:
        ValueError: If the lengths differ or are 0.
    """
    check_same_length(truths, detections)
    right, scores, wanted = _judge(
        truths, [ranked_boxes(image) for image in detections], label, iou_threshold
    )
    return (*_curve(right, wanted), scores)


def _average_precision(
    truths: Sequence[Truth],
    predicted: Sequence[tuple[np.ndarray, ...]],
    label: int,
    iou_threshold: float,
    kind: str,
) -> float:
    right, _, wanted = _judge(truths, predicted, label, iou_threshold)
    if not wanted:
        return float("nan")
    precision, recall = _curve(right, wanted)
    if kind == "area":
        steps = np.diff(recall, prepend=0.0)
        return float((best_precision(precision, recall, recall) * steps).sum())
    return float(best_precision(precision, recall, np.arange(11) / 10).mean())


def best_precision(precision: np.ndarray, recall: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Returns the best precision at some recalls or beyond, 0 where a curve does not reach them.

    Args:
        precision: Of a curve, `(n,)`.
        recall: Its recalls, none smaller than the one before.
        at: Recalls `(m,)`.
    """
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    # Rounded, so that 3 of 10 reach 0.3.
    reached = np.searchsorted(np.round(recall, 9), np.round(at, 9))
    return np.append(envelope, 0.0)[reached]


def _curve(right: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    hits = np.cumsum(right)
    return hits / np.arange(1, len(right) + 1), hits / max(wanted, 1)


def judge_images(
    truths: Sequence[Truth],
    predicted: Sequence[tuple[np.ndarray, ...]],
    label: int,
    iou_threshold: float,
) -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
    """Returns what each image has to say of a class.

    Args:
        truths: What is in each image.
        predicted: What `ranked_boxes` gives of each.
        label: The class.
        iou_threshold: As in `voc_average_precision`.

    Returns:
        For each image: 1 for a detection that is right, 0 for a wrong one and -1 for one that
        does not count; their scores; and how many objects are wanted.
    """
    verdicts, scores, wanted = [], [], []
    for truth, (boxes, all_scores, classes) in zip(truths, predicted, strict=True):
        here, mine = (truth.labels == label) & ~truth.crowd, classes == label
        crowds = truth.boxes[(truth.labels == label) & truth.crowd]
        free, own = truth.difficult[here], boxes[mine].astype(np.float32)
        verdict = _judge_image(truth.boxes[here], free, own, iou_threshold)
        verdict[(verdict == 0) & lie_inside(own, crowds, iou_threshold)] = -1
        wanted.append(int((~free).sum()))
        verdicts.append(verdict)
        scores.append(all_scores[mine])
    return verdicts, scores, wanted


def _judge(
    truths: Sequence[Truth],
    predicted: Sequence[tuple[np.ndarray, ...]],
    label: int,
    iou_threshold: float,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns whether each detection that counts is right, its score, and how many are wanted."""
    verdicts, scores, wanted = judge_images(truths, predicted, label, iou_threshold)
    verdict, score = np.concatenate(verdicts), np.concatenate(scores)
    order = np.argsort(-score, kind="stable")
    order = order[verdict[order] >= 0]
    return verdict[order] == 1, score[order], sum(wanted)


def _judge_image(
    truth: np.ndarray, free: np.ndarray, boxes: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Returns for each box 1 if it is right, 0 if it is wrong, -1 if it does not count."""
    verdict = np.zeros(len(boxes), int)
    if not len(truth) or not len(boxes):
        return verdict
    overlaps = np.asarray(pairwise(iou, boxes, truth.astype(np.float32)))
    nearest = overlaps.argmax(1)
    taken = np.zeros(len(truth), bool)
    for i, box in enumerate(nearest):
        if overlaps[i, box] < iou_threshold:
            continue
        if free[box]:
            verdict[i] = -1
        elif not taken[box]:
            verdict[i], taken[box] = 1, True
    return verdict
