"""Stops a training whose loss is NaN or infinite, and says what to try."""

import math

import keras


class StopOnDivergence(keras.callbacks.Callback):
    """Ends `fit` with an error at the first batch, or validation, whose loss is NaN or infinite.

    `keras.callbacks.TerminateOnNaN` ends it without one, and after the other callbacks have saved
    the epoch.

    Example:
        >>> model.fit(data.train, callbacks=[StopOnDivergence()])
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keeps the number of the epoch for the message."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Looks at the loss, which Keras gives as the mean over the epoch so far.

        Raises:
            FloatingPointError: If it is NaN or infinite.
        """
        self._check("loss", logs, f"in batch {batch + 1} of epoch {self.epoch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Looks at the validation loss.

        Raises:
            FloatingPointError: If it is NaN or infinite.
        """
        self._check("val_loss", logs, f"after epoch {epoch + 1}")

    def _check(self, name: str, logs: dict[str, float] | None, where: str) -> None:
        loss = float((logs or {}).get(name, 0.0))
        if not math.isfinite(loss):
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            raise FloatingPointError(
                f"`{name}` is {loss} {where}, at a learning rate of {rate:.2g}. Try a lower "
                "learning rate (--lr0) or a longer warm-up, clipped gradients "
                "(`clipnorm=1.0` of the optimizer), bf16 instead of fp16, or look for NaN in the "
                "images and for labels out of range."
            )
