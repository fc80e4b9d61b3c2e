"""Anchors that fit a data set: k-means on the shapes of its boxes, with IoU for the distance."""

from typing import Any

import numpy as np

from keras_cv_course._validation import check_whole


def shape_iou(shapes: Any, others: Any) -> np.ndarray:
    """Returns the IoU of boxes that have the same middle, or the same corner.

    Args:
        shapes: `(n, 2)` widths and heights.
        others: `(m, 2)` widths and heights.

    Returns:
        `(n, m)` in [0, 1]; 0 where both are without area.

    Example:
        >>> shape_iou([[2, 2]], [[2, 2], [1, 4]])
        array([[1.        , 0.33333333]])
    """
    shapes, others = np.asarray(shapes, float)[:, None], np.asarray(others, float)[None]
    shared = np.minimum(shapes, others).prod(-1)
    union = shapes.prod(-1) + others.prod(-1) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def cluster_shapes(
    shapes_px: Any, count: int, seed: int = 0, repeats: int = 10
) -> tuple[tuple[tuple[float, float], ...], float]:
    """Returns anchors that the boxes of a data set overlap well, and how well.

    k-means with the distance 1 - IoU, started as k-means++ does, `repeats` times; the best is
    taken. scikit-learn's KMeans has the Euclidean distance only, for which large boxes count most.

    Args:
        shapes_px: `(n, 2)` widths and heights of the boxes, in pixels of the network input. Those
            without area are left out.
        count: How many anchors.
        seed: Decides the starts.
        repeats: How many starts.

    Returns:
        (width, height) of each anchor, the smallest first, and the mean IoU of a box with its best
        anchor.

    Raises:
        ValueError: If there are fewer different shapes than `count`.

    Example:
        >>> cluster_shapes([[2, 2], [2, 2], [8, 4]], count=2)
        (((2.0, 2.0), (8.0, 4.0)), 1.0)

    Reference:
        "YOLO9000: Better, Faster, Stronger", arXiv:1612.08242, section 2, "Dimension Clusters".
    """
    check_whole("count", count)
    check_whole("repeats", repeats)
    shapes = np.asarray(shapes_px, float).reshape(-1, 2)
    shapes = shapes[(shapes > 0).all(-1)]
    different = len(np.unique(shapes, axis=0))
    if different < count:
        raise ValueError(
            f"`shapes_px` must hold at least `count` = {count} different shapes with an area. "
            f"Received: {different}."
        )
    rng = np.random.default_rng(seed)
    tried = [_k_means(shapes, _spread(shapes, count, rng)) for _ in range(repeats)]
    anchors, fit = max(tried, key=lambda result: result[1])
    ordered = anchors[np.argsort(anchors.prod(-1), kind="stable")]
    return tuple((float(width), float(height)) for width, height in ordered), fit


def _spread(shapes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    chosen = shapes[rng.integers(len(shapes))][None]
    while len(chosen) < count:
        far = (1 - shape_iou(shapes, chosen).max(-1)) ** 2
        chosen = np.vstack([chosen, shapes[rng.choice(len(shapes), p=far / far.sum())]])
    return chosen


def _k_means(shapes: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, float]:
    nearest = np.full(len(shapes), -1)
    best, fit = anchors, 0.0
    while True:
        overlap = shape_iou(shapes, anchors)
        previous, nearest = nearest, overlap.argmax(-1)
        # The mean of a cluster need not have the best IoU with it, so a step may make it worse.
        if (mean := float(overlap.max(-1).mean())) > fit:
            best, fit = anchors, mean
        elif (nearest == previous).all() or mean < fit:
            return best, fit
        anchors = np.stack(
            [
                shapes[nearest == k].mean(0) if (nearest == k).any() else anchors[k]
                for k in range(len(anchors))
            ]
        )
