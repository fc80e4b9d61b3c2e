"""Stops a training that has not become better for a while."""

from typing import Any

import keras

from keras_cv_course.training.history import Score


class StopWithoutProgress(keras.callbacks.Callback):
    """Ends a training after some epochs without a better one.

    Unlike Keras' EarlyStopping it goes by the score that a run keeps its best model by.

    Args:
        patience: Epochs without a better one after which training stops.
        score: Returns the score of an epoch from its logs.
    """

    checkpointed = ("best", "waited")

    def __init__(self, patience: int, score: Score) -> None:
        super().__init__()
        self.patience = patience
        self.score = score
        self.best: tuple[float, ...] = ()
        self.waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the epochs, and stops the training after the last."""
        score = self.score(logs or {})
        self.waited = 0 if score > self.best else self.waited + 1
        self.best = max(self.best, score)
        if self.waited >= self.patience:
            self.model.stop_training = True
