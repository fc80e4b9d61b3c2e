"""A learning rate that rises along a line, and then falls in steps."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_cv_course")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises along a line from 0, and then falls in steps.

    Keras' PiecewiseConstantDecay has no warm-up, and changes the rate a step behind its boundary.

    Args:
        boundaries: Steps after which the next of `values` is used, rising.
        values: Rates before, between and behind the boundaries.
        warmup_steps: Step at which the first of `values` is reached; before, a share of the rate
            that the other arguments give.

    Raises:
        ValueError: If there is not one value more than boundaries.
    """

    def __init__(
        self, boundaries: Sequence[int], values: Sequence[float], warmup_steps: int
    ) -> None:
        super().__init__()
        self.boundaries = [int(step) for step in boundaries]
        self.values = [float(value) for value in values]
        self.warmup_steps = int(warmup_steps)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"`values` must be one more than `boundaries`, {len(self.boundaries) + 1}. "
                f"Received: {len(self.values)}."
            )

    def __call__(self, step: Any) -> Any:
        """Returns the rate at a step, a float32 scalar."""
        step = ops.cast(step, "float32")
        rate = ops.convert_to_tensor(self.values[0], "float32")
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(step >= boundary, value, rate)
        return rate * ops.minimum(step / self.warmup_steps, 1.0) if self.warmup_steps else rate

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the schedule again."""
        return {
            "boundaries": self.boundaries,
            "values": self.values,
            "warmup_steps": self.warmup_steps,
        }
