"""What the gap between training and validation says, and what to do about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_cv_course._validation import check_rate
from keras_cv_course.training.history import best_row

_ADVICE = {
    "overfitting": "The network learns its images by heart. Regularize more: augmentation, "
    "mixup, label smoothing, weight decay, dropout, more images, or fewer trained layers.",
    "underfitting": "The network has not learned its own images either. Give it more capacity: "
    "a wider or deeper network, more trained layers, more epochs, a better learning rate, or less "
    "regularization.",
    "balanced": "Both are good and close. A larger network, trained longer, may gain more.",
}


@dataclass(frozen=True)
class GapReport:
    """The gap between training and validation in the best epoch.

    Attributes:
        epoch: The best epoch by validation accuracy, from 1.
        train_accuracy: Of that epoch. Keras measures it during the epoch, with augmentation and
            dropout on, so that it can be below `val_accuracy`.
        val_accuracy: Of that epoch.
        verdict: "overfitting", "underfitting" or "balanced".
        advice: What to try.
    """

    epoch: int
    train_accuracy: float
    val_accuracy: float
    verdict: str
    advice: str

    @property
    def gap(self) -> float:
        """Training accuracy less validation accuracy."""
        return self.train_accuracy - self.val_accuracy

    def __str__(self) -> str:
        """Returns the report in a line."""
        return (
            f"epoch {self.epoch}: accuracy {self.train_accuracy:.3f} on the training images, "
            f"{self.val_accuracy:.3f} on others: {self.verdict}. {self.advice}"
        )


def gap_report(
    history: Mapping[str, Sequence[float]], largest_gap: float = 0.05, enough: float = 0.9
) -> GapReport:
    """Returns what the accuracies of a training say about the network's size and regularization.

    A large gap is overfitting, and asks for regularization. No gap and a low accuracy is
    underfitting, and asks for capacity.

    Args:
        history: `History.history` of `fit`, or what `read_history` returns: "accuracy",
            "val_accuracy" and "val_loss" by epoch.
        largest_gap: Above it, the gap is large.
        enough: Training accuracy below which a network without gap underfits.

    Raises:
        ValueError: If there is no epoch, or one of the three is missing.

    Example:
        >>> history = {"accuracy": [0.99], "val_accuracy": [0.8], "val_loss": [0.7]}
        >>> gap_report(history).verdict
        'overfitting'
    """
    check_rate("largest_gap", largest_gap)
    missing = {"accuracy", "val_accuracy", "val_loss"} - set(history)
    if missing or not history["val_accuracy"]:
        raise ValueError(
            "`history` must hold accuracy, val_accuracy and val_loss of at least one epoch: give "
            f"`fit` validation data. Received: {sorted(history)}."
        )
    row = best_row(history)
    train, val = float(history["accuracy"][row]), float(history["val_accuracy"][row])
    if train - val > largest_gap:
        verdict = "overfitting"
    else:
        verdict = "underfitting" if train < enough else "balanced"
    return GapReport(row + 1, train, val, verdict, _ADVICE[verdict])
