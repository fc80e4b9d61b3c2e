"""The age loss of All-in-One, and what moves it from its one half to the other."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive
from keras_cv_course.ops.labels import first_value


@keras.saving.register_keras_serializable(package="keras_cv_course")
class AgeLoss(keras.losses.Loss):
    """A Euclidean and a Gaussian loss of an age, mixed by lambda.

        (1 - lambda) * (y - a)^2 / 2 + lambda * (1 - exp(-(y - a)^2 / (2 sigma^2)))

    The first half has strong gradients far from the age `a`, where the second has none; the second
    is in [0, 1) and does not punish what the annotators were not sure about. Lambda is
    `gaussian_share`, a variable that a callback may raise while the model trains.

    Args:
        gaussian_share: Lambda, in [0, 1].
        sigma: Standard deviation of the annotated ages, in years, where the labels carry none.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Call arguments:
        y_true: float (batch,) or (batch, 1), ages in years; or (batch, 2), ages and the standard
            deviation of each, NaN or 0 where that is not known. An age of NaN is not a label: see
            `MaskedLoss`.
        y_pred: float (batch, 1), ages in years.

    Raises:
        ValueError: If `gaussian_share` is outside [0, 1] or `sigma` is not above 0.

    Example:
        >>> float(AgeLoss(gaussian_share=0.5, sigma=2.0)([[30.0]], [[33.0]]))  # 2.25 + 0.3377
        2.5877

    Reference:
        An All-In-One Convolutional Neural Network for Face Analysis, arXiv:1611.00851, the loss
        L_A. How lambda and sigma are chosen is beyond the course's slides, and ours.
    """

    def __init__(
        self,
        gaussian_share: float = 0.0,
        sigma: float = 3.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "age_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_positive("sigma", sigma)
        self.sigma = float(sigma)
        self._share = keras.Variable(
            _checked_share(gaussian_share), trainable=False, name="gaussian_share"
        )

    @property
    def gaussian_share(self) -> float:
        """The current lambda; may be set, also while a model trains."""
        return float(self._share.numpy())

    @gaussian_share.setter
    def gaussian_share(self, value: float) -> None:
        """Sets lambda."""
        self._share.assign(_checked_share(value))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each sample, (batch,)."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        error = ops.square(y_pred[..., 0] - first_value(y_true))
        sigma = self.sigma
        if len(y_true.shape) == 2 and y_true.shape[-1] == 2:
            # NaN is not above 0 either.
            sigma = ops.where(y_true[..., 1] > 0, y_true[..., 1], sigma)
        gaussian = 1.0 - ops.exp(-error / (2.0 * ops.square(sigma)))
        share = self._share.value
        return (1.0 - share) * 0.5 * error + share * gaussian

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, with the current lambda."""
        return super().get_config() | {
            "gaussian_share": self.gaussian_share,
            "sigma": self.sigma,
        }


def _checked_share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"`gaussian_share` must be in [0, 1]. Received: {value!r}.")
    return float(value)


class AgeLossSchedule(keras.callbacks.Callback):
    """Sets lambda of an age loss at the start of every epoch.

    Args:
        loss: The loss that the model is compiled with.
        schedule: Gets the number of the epoch, from 0, and returns lambda in [0, 1].

    Example:
        >>> loss = AgeLoss()
        >>> model.compile("adam", loss)
        >>> raise_it = AgeLossSchedule(loss, lambda epoch: min(1.0, epoch / 10))
        >>> model.fit(images, ages, epochs=12, callbacks=[raise_it])
    """

    def __init__(self, loss: AgeLoss, schedule: Callable[[int], float]) -> None:
        super().__init__()
        self.loss = loss
        self.schedule = schedule

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Sets lambda."""
        self.loss.gaussian_share = self.schedule(epoch)
