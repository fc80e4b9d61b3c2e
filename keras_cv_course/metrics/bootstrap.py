"""Whether two detectors differ, or only seem to on these images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_cv_course._validation import check_whole
from keras_cv_course.metrics.detections import Truth, check_same_length, ranked_boxes
from keras_cv_course.metrics.voc_ap import judge_images

_LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Mean average precision of two detectors on the same images.

    Attributes:
        first: Of the first detector.
        second: Of the second.
        low: Lower end of the 95 % interval of second - first.
        high: Upper end.
    """

    first: float
    second: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Second - first, on the images as they are."""
        return self.second - self.first


def paired_bootstrap(
    truths: Sequence[Truth],
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    classes: int,
    iou_threshold: float = 0.5,
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Returns the difference of the mAP of two detectors, with an interval over images.

    Images are drawn with replacement, the same for both detectors, and the mAP (the area, as in
    `voc_average_precision`) is recomputed; the interval holds 95 % of the differences. It covers
    chance in the choice of images, not in training.

    Args:
        truths: What is in each image.
        first: What the first detector found in each.
        second: What the second found.
        classes: Number of classes.
        iou_threshold: As in `voc_average_precision`.
        resamples: How often images are drawn.
        seed: Decides the draws.

    Raises:
        ValueError: If the lengths differ or are 0, there is no object, or `resamples` is not above
            0.

    Example:
        >>> paired_bootstrap(truths, of_float, of_int8, classes=3).low

    Reference:
        Efron and Tibshirani, "An Introduction to the Bootstrap", section 13.3 (percentile
        interval).
    """
    check_whole("resamples", resamples)
    judged = [
        _judge_all(truths, detections, classes, iou_threshold) for detections in (first, second)
    ]
    if not any(wanted.sum() for _, _, wanted in judged[0]):
        raise ValueError("`truths` must hold at least one object that counts. Received none.")
    rng = np.random.default_rng(seed)
    count = len(truths)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)  # (resamples, n)
    weights = np.concatenate([np.ones((1, count)), drawn])
    of_first, of_second = (_mean_ap(of_class, weights) for of_class in judged)
    differences = (of_second - of_first)[1:]
    low, high = np.nanquantile(differences, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Difference(float(of_first[0]), float(of_second[0]), float(low), float(high))


def _judge_all(
    truths: Sequence[Truth],
    detections: Sequence[Mapping[str, Any]],
    classes: int,
    iou_threshold: float,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns for each class whether each detection is right, its image, and what is wanted."""
    check_same_length(truths, detections)
    predicted = [ranked_boxes(image) for image in detections]
    result = []
    for label in range(classes):
        verdicts, scores, wanted = judge_images(truths, predicted, label, iou_threshold)
        image = np.repeat(np.arange(len(truths)), [len(verdict) for verdict in verdicts])
        verdict, score = np.concatenate(verdicts), np.concatenate(scores)
        order = np.argsort(-score, kind="stable")
        order = order[verdict[order] >= 0]
        result.append((verdict[order] == 1, image[order], np.asarray(wanted)))
    return result


def _mean_ap(
    judged: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], weights: np.ndarray
) -> np.ndarray:
    """Returns the mAP for each row of weights of the images."""
    values = []
    for right, image, wanted in judged:
        of_detection = weights[:, image]  # (rows, detections)
        hits = np.cumsum(of_detection * right, axis=1)
        total = weights @ wanted
        seen = np.cumsum(of_detection, axis=1)
        precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        steps = np.diff(hits, axis=1, prepend=0.0)
        ap = np.divide(
            (envelope * steps).sum(1), total, out=np.full(len(total), np.nan), where=total > 0
        )
        values.append(ap)
    table = np.stack(values)
    known = ~np.isnan(table)
    return np.divide(
        np.where(known, table, 0).sum(0),
        known.sum(0),
        out=np.full(table.shape[1], np.nan),
        where=known.any(0),
    )
