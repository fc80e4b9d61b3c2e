"""The loss on distances of pairs."""

from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive


@keras.saving.register_keras_serializable(package="keras_cv_course")
class ContrastiveLoss(keras.losses.Loss):
    """Pulls pairs of one person together, and pushes others apart up to a margin.

    `y * d**2 + (1 - y) * max(margin - d, 0)**2` for the distance d of a pair, and y = 1 for one
    person, 0 for two. For a pair model that ends in its distance, `SiameseNetwork(…, head=None)`.

    Args:
        margin: Distance beyond which two people have no loss, above 0. Embeddings of length 1
            are at most 2 apart.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If `margin` is not above 0.

    Example:
        >>> pair_model.compile("adam", ContrastiveLoss(margin=1.0))
        >>> pair_model.fit([images_a, images_b], same)

    Reference:
        "Dimensionality Reduction by Learning an Invariant Mapping", Hadsell, Chopra and LeCun,
        CVPR 2006, equation 4, without its factor of a half, and with y turned round: there 1 is
        a pair of two.
    """

    def __init__(
        self,
        margin: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "contrastive_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_positive("margin", margin)
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each pair, `(batch,)`, of labels and distances `(batch[, 1])`."""
        distance = ops.reshape(y_pred, (-1,))
        same = ops.cast(ops.reshape(y_true, (-1,)), distance.dtype)
        apart = ops.square(ops.relu(self.margin - distance))
        return same * ops.square(distance) + (1.0 - same) * apart

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {"margin": self.margin}
