"""The loss of points on a face, of which some may be hidden."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_cv_course")
class LandmarkLoss(keras.losses.Loss):
    """Half the mean squared distance of coordinates, hidden points left out.

        1 / (2 N) * sum over the N points of v_i * ((x_i - a_i)^2 + (y_i - b_i)^2)

    `v_i` is 1 for a point that can be seen and 0 for one that is hidden, which has NaN for
    coordinates. The sum is divided by all N points, seen or not.

    Args:
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Call arguments:
        y_true: float (batch, 2 N): x0, y0, x1, y1, ..., NaN for hidden points.
        y_pred: float (batch, 2 N).

    Example:
        >>> nan = float("nan")
        >>> float(LandmarkLoss()([[0.5, 0.0, nan, nan]], [[0.1, 0.3, 9.0, 9.0]]))  # 0.25 / 4
        0.0625

    Reference:
        HyperFace, arXiv:1603.01249, whose losses of landmarks, visibility and pose All-in-One
        (arXiv:1611.00851) continues, as far as is known; the course's slides name these
        tasks and have no formulas. For visibility and pose they are mean squared errors,
        `keras.losses.MeanSquaredError`.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "landmark_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each sample, (batch,)."""
        seen = ops.logical_not(ops.isnan(y_true))
        error = ops.where(seen, y_pred - ops.where(seen, y_true, ops.zeros_like(y_true)), 0.0)
        # The mean over 2 N coordinates is the sum over points, divided by 2 N.
        return ops.mean(ops.square(error), axis=-1)
