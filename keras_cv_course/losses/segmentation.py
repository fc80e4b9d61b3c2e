"""The loss of class maps: cross-entropy, focal loss and Dice of the pixels that count."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_choice, check_positive

TERMS = ("cross_entropy", "focal", "dice")


@keras.saving.register_keras_serializable(package="keras_cv_course")
class SegmentationLoss(keras.losses.Loss):
    """Weighted sum of losses of logits for each pixel, over the pixels that have a class.

    Targets are class numbers `(n, height, width)`, predictions logits `(n, height, width,
    classes)`. Pixels with `ignore_value` add nothing to the loss and get no gradient; an image of
    such pixels alone has the loss 0. The terms are Keras' own losses:

    - "cross_entropy": `keras.losses.sparse_categorical_crossentropy`, the mean over pixels;
    - "focal": `keras.losses.categorical_focal_crossentropy` with `alpha` 1, the mean over pixels;
    - "dice": `keras.losses.dice` of each class that the image shows, the mean over these. Classes
      that are not there have no Dice coefficient to speak of, and are left out.

    Args:
        terms: Weight of each term; those left out are not computed.
        ignore_value: Target of pixels that count for nothing; None if all count.
        gamma: Of the focal loss: how much less well-classified pixels count. 0 is cross-entropy.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If there is no term, one is unknown, or a number is out of its range.

    Example:
        >>> loss = SegmentationLoss({"cross_entropy": 1.0, "dice": 0.5})
        >>> model.compile("adam", loss)

    Reference:
        "V-Net", arXiv:1606.04797, section 3 (Dice); "Focal Loss for Dense Object Detection",
        arXiv:1708.02002, equation 4.
    """

    def __init__(
        self,
        terms: Mapping[str, float] | None = None,
        ignore_value: int | None = 255,
        gamma: float = 2.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "segmentation_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.terms = {"cross_entropy": 1.0} if terms is None else dict(terms)
        if not self.terms:
            raise ValueError(
                f"`terms` must hold one of {', '.join(TERMS)} at least. Received none."
            )
        for term, weight in self.terms.items():
            check_choice("terms", term, TERMS)
            check_positive(term, weight)
        if gamma < 0:
            raise ValueError(f"`gamma` must be 0 or more. Received: {gamma!r}.")
        self.ignore_value = ignore_value
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image, `(n,)`."""
        labels = ops.cast(y_true, "int32")
        known = ops.ones_like(labels, "bool")
        if self.ignore_value is not None:
            known = labels != self.ignore_value
            labels = ops.where(known, labels, 0)
        counted = ops.cast(known, y_pred.dtype)
        losses = {"cross_entropy": self._cross_entropy, "focal": self._focal, "dice": _dice}
        return sum(
            weight * losses[term](labels, y_pred, counted) for term, weight in self.terms.items()
        )

    def _cross_entropy(self, labels: Any, logits: Any, counted: Any) -> Any:
        each = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        return _mean(each, counted)

    def _focal(self, labels: Any, logits: Any, counted: Any) -> Any:
        each = keras.losses.categorical_focal_crossentropy(
            _shares(labels, logits), logits, alpha=1.0, gamma=self.gamma, from_logits=True
        )
        return _mean(each, counted)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {
            "terms": dict(self.terms),
            "ignore_value": self.ignore_value,
            "gamma": self.gamma,
        }


def _dice(labels: Any, logits: Any, counted: Any) -> Any:
    truth = _shares(labels, logits) * counted[..., None]
    probabilities = ops.softmax(logits) * counted[..., None]
    each = keras.losses.dice(truth, probabilities, axis=(1, 2))  # (n, classes)
    return _mean(each, ops.cast(ops.any(truth > 0, axis=(1, 2)), logits.dtype))


def _shares(labels: Any, logits: Any) -> Any:
    return ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)


def _mean(values: Any, counted: Any) -> Any:
    """Returns the mean of those values of each image that count, 0 where none does."""
    axes = tuple(range(1, len(values.shape)))
    return ops.sum(values * counted, axes) / ops.maximum(ops.sum(counted, axes), 1.0)
