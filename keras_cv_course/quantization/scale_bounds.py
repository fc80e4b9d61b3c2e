"""Bounds that integer kernels set to the steps of what they take and give.

XNNPACK's delegate leaves a sum to slower kernels whose terms have far smaller or greater steps than
its output, and refuses a whole file for a convolution whose output has far smaller steps than the
products that it adds. The reference kernels of LiteRT end the process for a softmax of almost equal
numbers.
"""

from typing import Any

from keras import ops

# A term that is smaller moves the sum by less than a quarter of a step. The part in a thousand is
# for what float32 makes of a bound.
SMALLEST_TERM = 2.0**-10 * 1.001
# Products, sums and convolutions: step of the term or product, by that of the output.
LARGEST_MULTIPLIER = 256.0
LEVELS = 255
# Width of the range of logits whose steps, 2^-20, move a softmax by a thousandth of a step.
OF_LOGITS = LEVELS * 2.0**-20
# Replaces the range of a tensor that is 0 for all data.
OF_ZEROS = (0.0, 1.0)
# What the converter takes for a single number, and makes a range around 0.
_NEAR_ZERO = 1e-6


def of_terms(output: Any) -> Any:
    """Returns the least width of the range of what a sum adds, by that of its output."""
    return output * SMALLEST_TERM


def of_logits(output: Any) -> Any:
    """Returns the least width of the range of what a softmax reads."""
    return OF_LOGITS


def widened(low: Any, high: Any, least: Any) -> tuple[Any, Any]:
    """Returns a range, times the factor that makes it as wide as `least` if it is less.

    Args:
        low: Smallest value, 0 or less; float32 scalar.
        high: Largest value, 0 or more.
        least: The least width.
    """
    width = high - low
    factor = ops.where(width > 0.0, ops.maximum(least / ops.maximum(width, 1e-30), 1.0), 1.0)
    return low * factor, high * factor


def measurable(low: Any, high: Any) -> tuple[Any, Any]:
    """Returns a range, or one that is as narrow as the converter makes them."""
    is_narrow = ops.logical_and(high > low, high - low < 2 * _NEAR_ZERO)
    return ops.where(is_narrow, -_NEAR_ZERO, low), ops.where(is_narrow, _NEAR_ZERO, high)
