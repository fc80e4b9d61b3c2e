"""The focal loss of RetinaNet, over the number of anchors with a box."""

from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_rate
from keras_cv_course.losses.per_match import per_match, smoothed_one_hot


@keras.saving.register_keras_serializable(package="keras_cv_course")
class FocalClassLoss(keras.losses.Loss):
    """Focal loss of each class by itself, of all anchors that are not ignored.

    Targets are "classes" of `encode_anchor_targets`, `(n, anchors, 2)`; predictions the raw head,
    `(n, anchors, classes)` logits. With p the probability that is given to what is true, the loss
    is -α (1 - p)^γ log p, with α for the class of the anchor and 1 - α for the others, summed and
    divided by the number of anchors with a box, at least 1.

    `keras.losses.BinaryFocalCrossentropy` has the same curve for logits of moderate size. It takes
    the mean over classes and anchors, knows no anchors to ignore, and clips probabilities, so that
    a logit that is wrong by more than 16 has no gradient.

    Args:
        alpha: Weight of what is there, against 1 - `alpha` of what is not; above 0 and below 1.
        gamma: How much less well-classified anchors count; 0 or more. 0 is cross entropy.
        label_smoothing: Share of the target that goes to the other classes; in [0, 1).
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> model.compile("adam", {"boxes": AnchorBoxLoss(1 / 9), "classes": FocalClassLoss()})

    Reference:
        "Focal Loss for Dense Object Detection", arXiv:1708.02002, equation 5 and section 4.1.
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "focal_class_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_rate("label_smoothing", label_smoothing)
        if not 0 < alpha < 1:
            raise ValueError(f"`alpha` must be above 0 and below 1. Received: {alpha!r}.")
        if gamma < 0:
            raise ValueError(f"`gamma` must be 0 or more. Received: {gamma!r}.")
        self.alpha = alpha
        self.gamma = gamma
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image, `(n,)`."""
        labels, weights = y_true[..., 0], y_true[..., 1]
        targets = smoothed_one_hot(labels, y_pred.shape[-1], self.label_smoothing)
        log_yes, log_no = ops.log_sigmoid(y_pred), ops.log_sigmoid(-y_pred)
        # Powers of e: one of a probability that has become 0 has no gradient for a gamma below 1.
        yes = -log_yes * ops.exp(self.gamma * log_no)
        no = -log_no * ops.exp(self.gamma * log_yes)
        focal = self.alpha * targets * yes + (1 - self.alpha) * (1 - targets) * no
        sums = ops.sum(ops.sum(focal, axis=-1) * weights, axis=-1)
        return per_match(sums, ops.where(labels >= 0, weights, 0.0))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {
            "alpha": self.alpha,
            "gamma": self.gamma,
            "label_smoothing": self.label_smoothing,
        }
