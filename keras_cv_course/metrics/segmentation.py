"""How well class maps agree: overlap of classes, right pixels, and outlines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from keras_cv_course._validation import check_whole

IGNORE_VALUE = 255


def pixel_confusion(
    truth: np.ndarray, predicted: np.ndarray, classes: int, ignore_value: int | None = IGNORE_VALUE
) -> np.ndarray:
    """Returns how many pixels of each class were found to be of each.

    Sums over images are exact, which the float32 of `keras.metrics.MeanIoU` is not from 16.8
    million pixels on; that one is what `compile` takes: `keras.metrics.MeanIoU(classes,
    ignore_class=255, sparse_y_pred=False)`.

    Args:
        truth: Class numbers of any shape.
        predicted: Class numbers of that shape.
        classes: Number of classes.
        ignore_value: In `truth`, of pixels that count for nothing; None if all count.

    Returns:
        int64 `(classes, classes)`; rows are the true classes.

    Raises:
        ValueError: If shapes differ, or a pixel that counts is of no class.

    Example:
        >>> pixel_confusion(np.array([0, 1, 1, 255]), np.array([0, 1, 0, 0]), classes=2)
        array([[1, 0],
               [1, 1]])
    """
    check_whole("classes", classes)
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise ValueError(
            "`truth` and `found` must be of one shape. Received: "
            f"{truth.shape} and {predicted.shape}. Resize what was found first."
        )
    counted = np.ones(truth.shape, bool) if ignore_value is None else truth != ignore_value
    rows, columns = truth[counted].astype(np.int64), predicted[counted].astype(np.int64)
    for name, values in (("truth", rows), ("found", columns)):
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(
                f"`{name}` must hold class numbers from 0 to {classes - 1}, or {ignore_value} for "
                f"what counts for nothing. Received: {values.min()} to {values.max()}."
            )
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return counts.reshape(classes, classes)


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """What a confusion matrix of pixels says.

    Attributes:
        iou: float `(classes,)`: pixels that are truly of the class and were found so, over those
            that are either; NaN where there are none.
        accuracy: float `(classes,)`: share of the pixels of the class that were found so; NaN where
            there are none.
        pixel_accuracy: Share of all pixels whose class was found; NaN where there are none.
    """

    iou: np.ndarray
    accuracy: np.ndarray
    pixel_accuracy: float

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that occur in the truth or were found; NaN without."""
        return float(np.nanmean(self.iou)) if np.isfinite(self.iou).any() else float("nan")


def segmentation_scores(confusion: np.ndarray) -> SegmentationScores:
    """Returns overlaps and accuracies of a confusion matrix of pixels.

    Args:
        confusion: `(classes, classes)`, see `pixel_confusion`; a sum over images.

    Example:
        >>> segmentation_scores(np.array([[3, 1], [0, 2]])).mean_iou  # 3 / 4 and 2 / 3
        0.7083333333333333
    """
    confusion = np.asarray(confusion, float)
    right, true, predicted = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    return SegmentationScores(
        _ratio(right, true + predicted - right),
        _ratio(right, true),
        float(_ratio(right.sum(), confusion.sum())),
    )


def boundary_f1(
    truth: np.ndarray,
    predicted: np.ndarray,
    classes: int,
    ignore_value: int | None = IGNORE_VALUE,
    tolerance_px: float = 2.0,
) -> np.ndarray:
    """Returns how well the outlines of each class in one image agree.

    It is the harmonic mean of two shares: of outline pixels that were found, those with a true one
    within the tolerance, and of true ones, those with a found one. An outline is the pixels of the
    class with a neighbour, of four, that is not of it; neither the image's border nor pixels that
    count for nothing make an outline.

    Args:
        truth: Class numbers `(height, width)`.
        predicted: Class numbers `(height, width)`.
        classes: Number of classes.
        ignore_value: In `truth`, of pixels that count for nothing; None if all count.
        tolerance_px: Largest distance of two pixels that agree.

    Returns:
        float `(classes,)`, NaN for a class without outline in either.

    Reference:
        Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013,
        section 3.
    """
    counted = np.ones(truth.shape, bool) if ignore_value is None else truth != ignore_value
    scores = np.full(classes, np.nan)
    for label in range(classes):
        lines = [_outline(mask == label, counted) for mask in (truth, predicted)]
        if not (lines[0].any() or lines[1].any()):
            continue
        recall, precision = (
            _share_near(line, other, tolerance_px) for line, other in (lines, lines[::-1])
        )
        both = precision + recall
        scores[label] = 2 * precision * recall / both if both else 0.0
    return scores


def mean_over_images(scores: Sequence[np.ndarray]) -> float:
    """Returns the mean over classes of each class's mean over images; NaN where there is none.

    Args:
        scores: Of each image, float `(classes,)` with NaN for what it does not show.
    """
    table = np.ma.masked_invalid(np.stack(scores)) if len(scores) else np.ma.masked_all((1, 1))
    return float(np.ma.filled(table.mean(0).mean(), np.nan))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _outline(mask: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Returns the pixels of a mask beside one that is not of it; only pixels that count do."""
    inside = mask & counted
    return inside & ~ndimage.binary_erosion(inside | ~counted, border_value=1)


def _share_near(line: np.ndarray, other: np.ndarray, tolerance_px: float) -> float:
    """Returns the share of a line's pixels that have one of another line nearby."""
    if not line.any() or not other.any():
        return 0.0
    distances = ndimage.distance_transform_edt(~other)
    return float((distances[line] <= tolerance_px).mean())
