"""Whether a network can learn a few images by heart: the first thing to try with a new one."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_cv_course._validation import check_whole

_LARGEST = 64


@dataclass(frozen=True)
class OverfitReport:
    """How the loss of a few images fell.

    Attributes:
        losses: Before each step, with the batch statistics of training.
        target: What it was to fall to.
    """

    losses: tuple[float, ...]
    target: float

    @property
    def reached(self) -> bool:
        """Whether the last loss is at most the target."""
        return self.losses[-1] <= self.target

    def __str__(self) -> str:
        """Returns the result in a sentence, and what to check if it is bad."""
        course = f"loss {self.losses[0]:.3g} -> {self.losses[-1]:.3g} in {len(self.losses)} steps"
        if self.reached:
            return f"{course}: the network learns."
        return (
            f"{course}, above {self.target:g}: try another learning rate first (find_learning_rate)"
            ", then look for labels that do not belong to the images, pixels outside the range "
            "that the network takes, frozen layers, and a loss that does not fit the last "
            "activation."
        )


def overfit_small_batch(
    model: keras.Model,
    images: Any,
    labels: Any,
    steps: int = 200,
    learning_rate: float = 1e-3,
    target: float = 0.01,
) -> OverfitReport:
    """Returns how far Adam brings the loss of a few images; a sound network comes close to 0.

    A copy is trained, so that `model` is not changed. Training stops once the loss is at `target`.

    Args:
        model: A compiled or uncompiled functional classifier that gives probabilities
            `(batch, classes)`.
        images: 2 to 64 images `(n, height, width, channels)`, as the model takes them; 8 to 16
            are usual.
        labels: Class numbers `(n,)`.
        steps: Most steps.
        learning_rate: Of Adam.
        target: Loss that is enough.

    Raises:
        ValueError: If there are too few images or too many, or another number of labels.

    Example:
        >>> print(overfit_small_batch(model, images[:8], labels[:8]))
    """
    check_whole("steps", steps)
    images, labels = np.asarray(images), np.asarray(labels)
    if not 2 <= len(images) <= _LARGEST or labels.shape != (len(images),):
        raise ValueError(
            f"`images` must be 2 to {_LARGEST} images, with a class number in `labels` for each. "
            f"Received: {len(images)} images and labels of shape {labels.shape}."
        )
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    losses: list[float] = []
    while len(losses) < steps and not (losses and losses[-1] <= target):
        copy.reset_metrics()
        losses.append(float(np.ravel(copy.train_on_batch(images, labels))[0]))
    return OverfitReport(tuple(losses), target)
