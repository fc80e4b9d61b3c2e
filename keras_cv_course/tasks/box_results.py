"""What a model of boxes says of annotated images, beside what is true."""

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from keras_cv_course.metrics.detections import Truth
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Detections

_AT_ONCE = 16


class Annotated(Protocol):
    """Images with their boxes."""

    def samples(self) -> Iterator[tuple[np.ndarray, Truth]]:
        """Yields uint8 images `(height, width, 3)` and what is in them."""


def results_beside_truths(
    predictor: Predictor, boxes: Annotated
) -> Iterator[tuple[np.ndarray, Truth, Any]]:
    """Yields each image with what is in it and its result, with a few of them in memory at once."""
    samples = boxes.samples()
    while batch := list(itertools.islice(samples, _AT_ONCE)):
        results = predictor.results([image for image, _ in batch])
        for (image, truth), result in zip(batch, results, strict=True):
            yield image, truth, result


def true_boxes(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, names: Any) -> Detections:
    """Returns what is true of an image, to be drawn without scores.

    Args:
        image: uint8 `(height, width, 3)`.
        boxes: float32 `(n, 4)`, xyxy in pixels.
        labels: Class numbers `(n,)`.
        names: Name of each class.
    """
    scores = np.ones(len(labels), np.float32)
    return Detections(image, boxes, scores, labels, names, show_scores=False)
