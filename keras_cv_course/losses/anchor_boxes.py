"""The loss of SSD's and RetinaNet's box codes."""

from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive
from keras_cv_course.losses.per_match import per_match


@keras.saving.register_keras_serializable(package="keras_cv_course")
class AnchorBoxLoss(keras.losses.Loss):
    """Smooth L1 between codes, summed over the anchors with a box, over their number.

    Targets are "boxes" of `encode_anchor_targets`, `(n, anchors, 5)`; predictions the raw head,
    `(n, anchors, 4)`. With `delta` 1 the loss of a difference d is d²/2 up to 1, and |d| - 1/2
    above it. A batch without any box has the loss 0.

    Args:
        delta: Where the square turns into a line; above 0. It is divided by, so that the line has
            the slope 1: 1 for SSD, 1/9 for the authors' RetinaNet.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If `delta` is not above 0.

    Example:
        >>> model.compile("adam", {"boxes": AnchorBoxLoss(), "classes": MultiboxClassLoss()})

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, equations 1 and 2. Keras' Huber
        takes no mask from its targets, and divides by the number of all anchors.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "anchor_box_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_positive("delta", delta)
        self.delta = delta

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image, `(n,)`."""
        codes, weights = y_true[..., :4], y_true[..., 4]
        off = ops.abs(codes - y_pred)
        smooth = ops.where(off < self.delta, off**2 / (2 * self.delta), off - self.delta / 2)
        sums = ops.sum(ops.sum(smooth, axis=-1) * weights, axis=-1)
        return per_match(sums, weights)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {"delta": self.delta}
