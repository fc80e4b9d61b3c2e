"""Metrics of a classifier on labelled images."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support


@dataclass(frozen=True)
class ClassifierReport:
    """How well a classifier distinguishes its classes.

    Attributes:
        accuracy: Share of the images whose most probable class is right.
        class_names: The classes.
        precision: By class: right ones among the images given to it; 0 where there are none.
        recall: By class: right ones among its images; 0 where there are none.
        confusion: Number of images by true class (row) and by the class given (column).
    """

    accuracy: float
    class_names: tuple[str, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def support(self) -> tuple[int, ...]:
        """Number of images of each class."""
        return tuple(sum(row) for row in self.confusion)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as what JSON can hold."""
        rows = zip(self.class_names, self.precision, self.recall, self.support, strict=True)
        return {
            "accuracy": self.accuracy,
            "images": sum(self.support),
            "classes": [
                {"name": name, "precision": precision, "recall": recall, "images": images}
                for name, precision, recall, images in rows
            ],
            "confusion": [list(row) for row in self.confusion],
        }


def evaluate_classifier(
    predict: Callable[[np.ndarray], np.ndarray],
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    class_names: Sequence[str],
) -> ClassifierReport:
    """Returns how well a classifier does on labelled images.

    Args:
        predict: Takes a batch of images and returns scores `(batch, classes)`:
            `predict_on_batch` of a Keras model, or `predict` of a `TFLiteModel`.
        batches: Images `(batch, height, width, channels)`, as the model takes them, with labels
            `(batch,)`, rows of `class_names`.
        class_names: Name of each class, by label.

    Raises:
        ValueError: If there is no image, or `predict` gives another number of classes.

    Example:
        >>> report = evaluate_classifier(
        ...     model.predict_on_batch, data.val.as_numpy_iterator(), data.class_names
        ... )
    """
    true, chosen = [], []
    for images, labels in batches:
        scores = predict(images)
        if np.shape(scores) != (len(images), len(class_names)):
            raise ValueError(
                f"`predict` must give scores of shape {(len(images), len(class_names))}, one for "
                f"each of `class_names`. Received: {np.shape(scores)}."
            )
        true.extend(np.asarray(labels).tolist())
        chosen.extend(np.argmax(scores, axis=-1).tolist())
    if not true:
        raise ValueError("`batches` must hold at least one image. Received none.")
    rows = np.arange(len(class_names))
    precision, recall, _, _ = precision_recall_fscore_support(
        true, chosen, labels=rows, zero_division=0.0
    )
    confusion = confusion_matrix(true, chosen, labels=rows)
    return ClassifierReport(
        accuracy=float(accuracy_score(true, chosen)),
        class_names=tuple(class_names),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )
