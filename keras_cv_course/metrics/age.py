"""The error of an age."""

from typing import Any

import keras
from keras import ops

from keras_cv_course.ops.labels import first_value


@keras.saving.register_keras_serializable(package="keras_cv_course")
class AgeError(keras.metrics.MeanMetricWrapper):
    """Mean absolute error of ages, in years, for all labels that `AgeLoss` takes.

    Args:
        name: Name of the metric.

    Example:
        >>> float(AgeError()([[30.0, 2.0], [40.0, 3.0]], [[33.0], [39.0]]))  # with deviations
        2.0
    """

    def __init__(self, name: str = "error_years") -> None:
        super().__init__(_age_error, name=name)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the metric again."""
        return {"name": self.name}


def _age_error(y_true: Any, y_pred: Any) -> Any:
    return ops.abs(first_value(y_pred) - first_value(y_true))
