"""The divisor that losses of detectors share: the number of anchors that have a box to find."""

from typing import Any

from keras import ops


def per_match(sums: Any, weights: Any, least: float = 1.0) -> Any:
    """Returns losses of images whose mean over the batch is the batch's sum over its matches.

    Args:
        sums: `(n,)`, the summed loss of each image.
        weights: `(n, anchors)`, above 0 at the anchors that have a box to find.
        least: The divisor where there are fewer matches, so that a batch without any is finite.

    Returns:
        `(n,)`.
    """
    matches = ops.sum(ops.cast(weights > 0, sums.dtype))
    images = ops.cast(ops.shape(sums)[0], sums.dtype)
    return sums * (images / ops.maximum(matches, least))


def smoothed_one_hot(labels: Any, classes: int, smoothing: float) -> Any:
    """Returns targets of 1 - ε for the class and ε / (classes - 1) for the others.

    Args:
        labels: Whole numbers `(...)`; all others than 0 to classes - 1 give zeros alone.
        classes: Number of classes; with one, there are no others.
        smoothing: ε, in [0, 1).

    Returns:
        float32 `(..., classes)`.

    Reference:
        "Bag of Freebies for Training Object Detection Neural Networks", arXiv:1902.04103,
        section 3.3.
    """
    one_hot = ops.one_hot(ops.cast(labels, "int32"), classes, dtype="float32")
    if not smoothing:
        return one_hot
    real = ops.sum(one_hot, axis=-1, keepdims=True)
    others = smoothing / max(classes - 1, 1)
    return real * others + one_hot * (1.0 - smoothing - others)
