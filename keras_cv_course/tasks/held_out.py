"""Measures a model on held-out images after each epoch, as it is measured at the end."""

from collections.abc import Callable, Mapping
from typing import Any

import keras


class HeldOutMetrics(keras.callbacks.Callback):
    """Adds the numbers of held-out images to those of each epoch, as "val_<name>".

    Args:
        measure: Returns the numbers by name.
    """

    def __init__(self, measure: Callable[[], Mapping[str, float]]) -> None:
        super().__init__()
        self.measure = measure

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measures the model."""
        if logs is not None:
            logs.update({f"val_{name}": float(x) for name, x in self.measure().items()})
