"""SSD's loss of classes: a softmax with background, on the hardest negatives only."""

from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive, check_rate
from keras_cv_course.losses.per_match import per_match, smoothed_one_hot


@keras.saving.register_keras_serializable(package="keras_cv_course")
class MultiboxClassLoss(keras.losses.Loss):
    """Cross entropy of the anchors with a box and of the hardest others, over the former's number.

    Targets are "classes" of `encode_anchor_targets`, `(n, anchors, 2)`; predictions the raw head,
    `(n, anchors, classes + 1)` logits with the background first. Of each image, the background
    anchors with the highest loss count, `negative_ratio` for each anchor with a box; so an image
    without boxes does not count, unless `least_negatives` is above 0.

    Args:
        negative_ratio: Background anchors for each anchor with a box; above 0.
        least_negatives: Background anchors of an image that count in any case.
        label_smoothing: Share of the target that goes to the other classes; in [0, 1).
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> model.compile("adam", {"boxes": AnchorBoxLoss(), "classes": MultiboxClassLoss()})

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, equation 3 and "Hard negative
        mining" in section 2.2.
    """

    def __init__(
        self,
        negative_ratio: float = 3.0,
        least_negatives: int = 0,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "multibox_class_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_positive("negative_ratio", negative_ratio)
        check_rate("label_smoothing", label_smoothing)
        if least_negatives < 0:
            raise ValueError(f"`least_negatives` must be 0 or more. Received: {least_negatives!r}.")
        self.negative_ratio = negative_ratio
        self.least_negatives = least_negatives
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image, `(n,)`."""
        labels, weights = y_true[..., 0], y_true[..., 1]
        targets = smoothed_one_hot(labels + 1, y_pred.shape[-1], self.label_smoothing)
        logs = ops.log_softmax(y_pred, axis=-1)
        entropy = -ops.sum(targets * logs, axis=-1)  # (n, anchors)
        positive = ops.cast(labels >= 0, entropy.dtype) * weights
        background = (labels < 0) & (weights > 0)
        hardness = ops.where(background, -logs[..., 0], -1.0)
        rank = ops.argsort(ops.argsort(-ops.stop_gradient(hardness), axis=-1), axis=-1)
        positives = ops.sum(ops.cast(positive > 0, entropy.dtype), axis=-1, keepdims=True)
        wanted = ops.maximum(self.negative_ratio * positives, float(self.least_negatives))
        mined = background & (ops.cast(rank, entropy.dtype) < wanted)
        counted = positive + ops.cast(mined, entropy.dtype)
        return per_match(ops.sum(entropy * counted, axis=-1), positive)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {
            "negative_ratio": self.negative_ratio,
            "least_negatives": self.least_negatives,
            "label_smoothing": self.label_smoothing,
        }
