"""Values that int8 tensors can have, and numbers of double precision around them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

_LEVELS = 255.0
WIDE = "float64"


@dataclass(frozen=True)
class Grid:
    """Values that an int8 tensor can have: `step * integer`, and 0 among them.

    Attributes:
        step: Distance of two values, as the converter computes with it, float64.
        least: Smallest integer.
    """

    step: Any
    least: Any

    @property
    def stored(self) -> Any:
        """The step as the file holds it."""
        return ops.cast(self.step, "float32")

    def values(self, steps: Any) -> Any:
        """Returns the values nearest to float32 numbers of steps; halves go to the even one."""
        return ops.clip(ops.round(steps), self.least, self.least + _LEVELS) * self.stored

    def integers(self, values: Any) -> Any:
        """Returns how many steps values of the grid are, as float64."""
        return ops.round(ops.cast(values, WIDE) / self.step)


def grid(low: Any, high: Any) -> Grid:
    """Returns the grid of a range, moved so that 0 is on it.

    Args:
        low: Smallest value, float32 scalar, 0 or less.
        high: Largest value, above `low`.
    """
    low, high = ops.cast(low, WIDE), ops.cast(high, WIDE)
    step = ops.cast(ops.cast((high - low) / _LEVELS, "float32"), WIDE)
    least = ops.round(low / step)
    # The file's ranges are float32, and so is their width, of which its step is computed.
    first, last = (ops.cast(n * step, "float32") for n in (least, least + _LEVELS))
    return Grid(ops.cast(last - first, WIDE) / _LEVELS, ops.cast(least, "float32"))


# Gets the float result, the operands if the arithmetic reads them, and the grid to round to.
Kernel = Callable[[Any, Sequence[Any], Grid], Any]


def nearest(y: Any, operands: Sequence[Any], out: Grid) -> Any:
    """Returns values rounded to a grid, halves upwards."""
    return out.values(ops.floor(y / out.stored + 0.5))


def narrow(x: Any) -> Any:
    """Returns numbers of double precision that are float32 ones."""
    return ops.cast(ops.cast(x, "float32"), WIDE)


def rounded_constant(value: Any) -> Any:
    """Returns numbers as the file holds them: int8 steps of the range from their least to largest.

    A single number lies on its own grid.
    """
    numbers = np.asarray(value, np.float64)
    if numbers.size == 1:
        return value
    low, high = min(numbers.min(), 0.0), max(numbers.max(), 0.0)
    step = (high - low) / 255 or 1.0
    zero = np.round(-low / step)
    rounded = (np.clip(np.round(numbers / step) + zero, 0, 255) - zero) * step
    return rounded.astype(value.dtype) if isinstance(value, np.ndarray) else rounded.tolist()
