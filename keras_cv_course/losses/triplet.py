"""The loss on triplets, which it finds in a batch of embeddings itself."""

from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive


@keras.saving.register_keras_serializable(package="keras_cv_course")
class TripletSemiHardLoss(keras.losses.Loss):
    """Wants another person to be farther away than the same one, by a margin.

    For each two images of one person in a batch, the anchor and the positive, the negative is
    the nearest image of others that is farther from the anchor than the positive; or, if none
    is, the farthest of others. The loss is `max(d(a, p) - d(a, n) + margin, 0)` on squared
    Euclidean distances, averaged over all such pairs. `y_true` is the person's number `(batch,)`,
    `y_pred` embeddings `(batch, n)` of length 1. A batch must hold several images of each of
    several people, see `data.balanced_batches`; one without pairs costs nothing.

    Args:
        margin: Above 0.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If `margin` is not above 0.

    Example:
        >>> encoder.compile("adam", TripletSemiHardLoss(0.2))
        >>> encoder.fit(images, people, batch_size=64)

    Reference:
        FaceNet, arXiv:1503.03832, equations 3 and 4.
    """

    def __init__(
        self,
        margin: float = 0.2,
        reduction: str | None = "sum_over_batch_size",
        name: str = "triplet_semi_hard_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_positive("margin", margin)
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each anchor, `(batch,)`, whose mean is that over all pairs."""
        people = ops.reshape(y_true, (-1,))
        distances = _squared_distances(y_pred)
        same = ops.equal(people[:, None], people[None, :])
        farther = distances[:, None, :] > distances[:, :, None]  # (anchor, positive, negative)
        semi_hard = ops.logical_and(ops.logical_not(same)[:, None, :], farther)
        far = ops.max(distances) + 1.0
        nearest = ops.min(ops.where(semi_hard, distances[:, None, :], far), axis=-1)
        farthest = ops.max(ops.where(same, ops.zeros_like(distances), distances), axis=-1)
        negative = ops.where(ops.any(semi_hard, axis=-1), nearest, farthest[:, None])
        costs = ops.relu(distances - negative + self.margin)
        itself = ops.eye(ops.shape(people)[0], dtype="bool")
        has_negative = ops.logical_not(ops.all(same, axis=-1, keepdims=True))
        counted = ops.logical_and(ops.logical_and(same, ops.logical_not(itself)), has_negative)
        counted = ops.cast(counted, costs.dtype)
        pairs = ops.maximum(ops.sum(counted), 1.0)
        batch = ops.cast(ops.shape(people)[0], costs.dtype)
        return ops.sum(costs * counted, axis=-1) * batch / pairs

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {"margin": self.margin}


def _squared_distances(x: Any) -> Any:
    squares = ops.sum(ops.square(x), axis=-1)
    products = ops.matmul(x, ops.transpose(x))
    return ops.relu(squares[:, None] - 2.0 * products + squares[None, :])
