"""A metric for labels of which some are missing."""

from typing import Any

import keras

from keras_cv_course.ops.labels import fill_missing, label_weight


@keras.saving.register_keras_serializable(package="keras_cv_course")
class MaskedMetric(keras.metrics.Metric):
    """A metric over those samples alone that have a label; the metric's own start where none has.

    A label that is not known is NaN, as for `MaskedLoss`. The result is over all labelled samples
    of an epoch, however they fall into batches. Keras' means and accuracies start at 0.

    Args:
        metric: A `keras.metrics.Metric` that takes sample weights.
        name: Name of the metric; that of `metric` when None.

    Raises:
        TypeError: If `metric` is not a `keras.metrics.Metric`.

    Example:
        >>> metric = MaskedMetric(keras.metrics.MeanAbsoluteError())
        >>> float(metric([[30.0], [float("nan")]], [[34.0], [99.0]]))
        4.0
    """

    def __init__(self, metric: keras.metrics.Metric, name: str | None = None) -> None:
        if not isinstance(metric, keras.metrics.Metric):
            raise TypeError(
                "`metric` must be a keras.metrics.Metric, e.g. keras.metrics.BinaryAccuracy(). "
                f"Received: {metric!r}."
            )
        super().__init__(name=name or metric.name)
        self.metric = metric

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in the labelled samples of a batch.

        Args:
            y_true: float labels, NaN where not known.
            y_pred: Predictions.
            sample_weight: (batch,) or (batch, 1) factors, or None.
        """
        y_true = keras.ops.convert_to_tensor(y_true, self.dtype)
        y_pred = keras.ops.convert_to_tensor(y_pred, self.dtype)
        weight = label_weight(y_true, sample_weight)
        self.metric.update_state(fill_missing(y_true, y_pred), y_pred, weight)

    def result(self) -> Any:
        """Returns the metric over all labelled samples so far."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Forgets all samples."""
        self.metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the metric again."""
        return {"metric": keras.metrics.serialize(self.metric), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MaskedMetric":
        """Returns the metric that `get_config` described."""
        return cls(keras.metrics.deserialize(config["metric"]), config["name"])
