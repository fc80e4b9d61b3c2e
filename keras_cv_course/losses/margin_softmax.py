"""Softmax on cosines, with a margin that the right class has to win by."""

import math
from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive


class _MarginSoftmax(keras.losses.Loss):
    """Cross-entropy of `scale * cosine`, where the right class's cosine is made smaller."""

    def __init__(
        self, margin: float, scale: float, reduction: str | None, name: str, dtype: Any
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_positive("scale", scale)
        self.margin = margin
        self.scale = scale

    @abstractmethod
    def _with_margin(self, cosines: Any) -> Any:
        """Returns the cosines `(batch, classes)` as if each class were the right one."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image, `(batch,)`."""
        people = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        right = ops.one_hot(people, y_pred.shape[-1], dtype="bool")
        cosines = ops.where(right, self._with_margin(y_pred), y_pred)
        return ops.sparse_categorical_crossentropy(people, self.scale * cosines, from_logits=True)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {"margin": self.margin, "scale": self.scale}


@keras.saving.register_keras_serializable(package="keras_cv_course")
class ArcFace(_MarginSoftmax):
    """Softmax loss with a margin that is added to the angle of the right class.

    `y_true` is the person's number `(batch,)`, `y_pred` the cosines `(batch, classes)` of a
    `CosineLogits` layer. Beyond `pi - margin`, where the cosine of the larger angle would rise
    again, it continues with the slope of the cosine itself, so that it falls everywhere.

    Args:
        margin: Angle in radians, from 0 to below pi / 2.
        scale: What the cosines are multiplied with. Smaller ones, of 16 to 32, suit few people.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If an argument is out of its range.

    Reference:
        ArcFace, arXiv:1801.07698, equation 3. The continuation beyond `pi - margin` is that of
        the authors' code (`cos(angle) - margin * sin(margin)`), which the paper does not mention.
    """

    def __init__(
        self,
        margin: float = 0.5,
        scale: float = 64.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "arc_face",
        dtype: Any = None,
    ) -> None:
        super().__init__(margin, scale, reduction, name, dtype)
        if not 0 <= margin < math.pi / 2:
            raise ValueError(
                f"`margin` must be an angle from 0 to below pi / 2. Received: {margin!r}."
            )

    def _with_margin(self, cosines: Any) -> Any:
        # The root has no gradient at its ends.
        sines = ops.sqrt(ops.clip(1.0 - ops.square(cosines), keras.config.epsilon(), 1.0))
        added = cosines * math.cos(self.margin) - sines * math.sin(self.margin)
        beyond = cosines - self.margin * math.sin(self.margin)
        return ops.where(cosines > -math.cos(self.margin), added, beyond)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class CosFace(_MarginSoftmax):
    """Softmax loss with a margin that is taken off the cosine of the right class.

    `y_true` is the person's number `(batch,)`, `y_pred` the cosines `(batch, classes)` of a
    `CosineLogits` layer.

    Args:
        margin: From 0 to below 2.
        scale: What the cosines are multiplied with. Smaller ones, of 16 to 32, suit few people.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If an argument is out of its range.

    Reference:
        CosFace, arXiv:1801.09414, equation 4.
    """

    def __init__(
        self,
        margin: float = 0.35,
        scale: float = 64.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cos_face",
        dtype: Any = None,
    ) -> None:
        super().__init__(margin, scale, reduction, name, dtype)
        if not 0 <= margin < 2:
            raise ValueError(f"`margin` must be from 0 to below 2. Received: {margin!r}.")

    def _with_margin(self, cosines: Any) -> Any:
        return cosines - self.margin
