"""Non-maximum suppression to a fixed number of boxes: hard, soft, and of each class."""

from typing import Any

from keras import ops

from keras_cv_course._validation import check_whole
from keras_cv_course.ops.boxes import iou

_REMOVED = float("-inf")


def suppress(
    boxes: Any,
    scores: Any,
    max_detections: int = 100,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    soft_sigma: float = 0.0,
) -> tuple[Any, Any, Any]:
    """Returns the best boxes that do not overlap better ones.

    The box with the highest score is taken, those that overlap it by more than `iou_threshold` are
    removed, and so on. Of equal scores the first is taken.

    Args:
        boxes: `(..., n, 4)` xyxy.
        scores: `(..., n)`.
        max_detections: How many boxes are returned; what is missing is padding.
        iou_threshold: A box that overlaps a better one by more than this is removed; in [0, 1].
        score_threshold: Only boxes with a higher score are taken.
        soft_sigma: Above 0, overlap removes no box, but shrinks its score by the factor
            exp(-IoU² / (2 soft_sigma)): Soft-NMS, whose sigma is twice this one. `iou_threshold`
            is not used then.

    Returns:
        Indices int32 `(..., max_detections)`, -1 for padding; their scores, shrunk ones where
        `soft_sigma` is given, and 0 for padding; and int32 `(...)`, how many boxes were found.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> indices, scores, count = suppress(boxes, scores, max_detections=10)

    Reference:
        "Soft-NMS: Improving Object Detection With One Line of Code", arXiv:1704.04503, equation 4.
        Results are those of `tf.image.non_max_suppression_with_scores`.
    """
    check_whole("max_detections", max_detections)
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"`iou_threshold` must be in [0, 1]. Received: {iou_threshold!r}.")
    if soft_sigma < 0:
        raise ValueError(f"`soft_sigma` must be at least 0. Received: {soft_sigma!r}.")
    boxes, scores = _never_empty(ops.cast(boxes, "float32"), ops.cast(scores, "float32"))
    places = ops.arange(scores.shape[-1])
    alive = ops.where(scores > score_threshold, scores, _REMOVED)
    slots = ops.arange(max_detections)
    # The shape of `scores` but for its last dimension, without asking for it at run time.
    none = ops.zeros_like(ops.argmax(scores, axis=-1))[..., None]
    indices = ops.cast(none + ops.zeros_like(slots), "int32") - 1
    best_scores = ops.cast(indices, "float32") * 0.0

    def take_best(slot: Any, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        alive, indices, best_scores = state
        best = ops.argmax(alive, axis=-1)[..., None]  # (..., 1)
        score = ops.take_along_axis(alive, best, axis=-1)
        valid = score > score_threshold
        box = ops.take_along_axis(boxes, best[..., None], axis=-2)  # (..., 1, 4)
        overlap = iou(box, boxes)
        stays = places != ops.cast(best, places.dtype)
        if soft_sigma:
            left = alive * ops.exp(-(overlap**2) / (2 * soft_sigma))
            stays = stays & (left > score_threshold)
        else:
            left = alive
            stays = stays & (overlap <= iou_threshold)
        left = ops.where(stays, left, _REMOVED)
        here = (slots == slot) & valid
        return (
            ops.where(valid, left, alive),
            ops.where(here, ops.cast(best, "int32"), indices),
            ops.where(here, score, best_scores),
        )

    _, indices, best_scores = ops.fori_loop(
        0, max_detections, take_best, (alive, indices, best_scores)
    )
    return indices, best_scores, ops.sum(ops.cast(indices >= 0, "int32"), axis=-1)


def suppress_by_class(
    boxes: Any,
    scores: Any,
    max_detections: int = 100,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.05,
    soft_sigma: float = 0.0,
) -> tuple[Any, Any, Any, Any]:
    """Returns the best detections of all classes, where boxes suppress those of their class only.

    Args:
        boxes: `(..., n, 4)` xyxy.
        scores: `(..., n, classes)`, without background.
        max_detections: How many detections are returned; what is missing is padding.
        iou_threshold: As in `suppress`.
        score_threshold: As in `suppress`; 0 or more.
        soft_sigma: As in `suppress`.

    Returns:
        Boxes `(..., max_detections, 4)`, 0 for padding; scores `(..., max_detections)`, the best
        first and 0 for padding; classes int32, -1 for padding; and int32 `(...)`, how many there
        are. One box can be found as several classes.

    Example:
        >>> boxes, scores, classes, count = suppress_by_class(boxes, probabilities)
    """
    if score_threshold < 0:
        raise ValueError(
            f"`score_threshold` must be 0 or more, because padding has the score 0. "
            f"Received: {score_threshold!r}."
        )
    by_class = ops.cast(ops.swapaxes(scores, -1, -2), "float32")  # (..., classes, n)
    boxes, by_class = _never_empty(ops.cast(boxes, "float32"), by_class)
    options = (max_detections, iou_threshold, score_threshold, soft_sigma)
    indices, best_scores, _ = suppress(boxes[..., None, :, :], by_class, *options)
    classes = ops.zeros_like(indices) + ops.arange(by_class.shape[-2], dtype="int32")[:, None]
    flat = [_flatten_last_two(x) for x in (indices, best_scores, classes)]
    order = ops.argsort(-flat[1], axis=-1)[..., :max_detections]
    indices, best_scores, classes = (ops.take_along_axis(x, order, axis=-1) for x in flat)
    real = indices >= 0
    chosen = ops.take_along_axis(boxes, ops.maximum(indices, 0)[..., None], axis=-2)
    return (
        ops.where(real[..., None], chosen, 0.0),
        best_scores,
        ops.where(real, classes, -1),
        ops.sum(ops.cast(real, "int32"), axis=-1),
    )


def _never_empty(boxes: Any, scores: Any) -> tuple[Any, Any]:
    """Returns boxes `(..., n, 4)` and scores `(..., n)`; of none, one that is never taken."""
    if scores.shape[-1] != 0:
        return boxes, scores
    before = [(0, 0)] * (len(boxes.shape) - 2)
    boxes = ops.pad(boxes, [*before, (0, 1), (0, 0)])
    before = [(0, 0)] * (len(scores.shape) - 1)
    return boxes, ops.pad(scores, [*before, (0, 1)], constant_values=_REMOVED)


def _flatten_last_two(x: Any) -> Any:
    return ops.reshape(x, (*ops.shape(x)[:-2], x.shape[-2] * x.shape[-1]))
