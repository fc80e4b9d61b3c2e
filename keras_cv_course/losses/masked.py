"""A loss for labels of which some are missing."""

from typing import Any

import keras

from keras_cv_course.ops.labels import fill_missing, label_weight


@keras.saving.register_keras_serializable(package="keras_cv_course")
class MaskedLoss(keras.losses.Loss):
    """Mean of a loss over those samples of a batch that have a label; 0 where none has.

    An unknown label is NaN. A sample with only NaN contributes neither to the sum
    nor to the count, so that its gradient is exactly zero, and a batch may mix images of data
    sets that were labelled for different tasks. In a label of several values (points, angles)
    single ones may be NaN: they count as predicted without error. Sample weights are honoured.

    Keras logs the mean over batches of what a loss returns, with batches that have no label as
    zeros. `MaskedMetric` measures a model on the labels that exist.

    Args:
        loss: A `keras.losses.Loss` that gives one value a sample; its own reduction is not used.
        name: Name of the loss; that of `loss` when None.

    Raises:
        TypeError: If `loss` is not a `keras.losses.Loss`.

    Example:
        >>> loss = MaskedLoss(keras.losses.BinaryCrossentropy())
        >>> float(loss([[1.0], [float("nan")]], [[0.5], [0.1]]))  # -ln 0.5, of the first alone
        0.6931
    """

    def __init__(self, loss: keras.losses.Loss, name: str | None = None) -> None:
        if not isinstance(loss, keras.losses.Loss):
            raise TypeError(
                "`loss` must be a keras.losses.Loss, e.g. keras.losses.MeanSquaredError(). "
                f"Received: {loss!r}."
            )
        super().__init__(name=name or loss.name, reduction="mean_with_sample_weight")
        self.loss = loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the mean over labelled samples, a scalar.

        Args:
            y_true: float labels, NaN where not known.
            y_pred: Predictions.
            sample_weight: (batch,) or (batch, 1) factors, or None.
        """
        y_true = keras.ops.convert_to_tensor(y_true, self.dtype)
        y_pred = keras.ops.convert_to_tensor(y_pred, self.dtype)
        return super().__call__(y_true, y_pred, label_weight(y_true, sample_weight))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns a value for each sample, finite also where no label is known."""
        return self.loss.call(fill_missing(y_true, y_pred), y_pred)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return {"loss": keras.losses.serialize(self.loss), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MaskedLoss":
        """Returns the loss that `get_config` described."""
        return cls(keras.losses.deserialize(config["loss"]), config["name"])
