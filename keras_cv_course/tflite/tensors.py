"""Inputs and outputs of a .tflite file, and how its numbers represent real values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

QUANTIZED_DTYPES = ("int8", "uint8", "int16")


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a .tflite file.

    Attributes:
        name: Its name in the file's signature, or the tensor's own where there is no signature.
        shape: Shape with the batch, as the file is allocated.
        dtype: NumPy name of the type in the file, e.g. "int8".
        scale: Real value of one quantization step; None where the numbers are the values.
        zero_point: Number in the file that represents the real value 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int = 0


def spec_from_details(name: str, details: Mapping[str, Any]) -> TensorSpec:
    """Returns the description of a tensor from the details of LiteRT's interpreter."""
    scale, zero_point = details["quantization"]
    dtype = np.dtype(details["dtype"]).name
    quantized = dtype in QUANTIZED_DTYPES and scale > 0
    return TensorSpec(
        name=name,
        shape=tuple(int(size) for size in details["shape"]),
        dtype=dtype,
        scale=float(scale) if quantized else None,
        zero_point=int(zero_point) if quantized else 0,
    )


def real_range(spec: TensorSpec) -> tuple[float, float] | None:
    """Returns the smallest and largest real value of a quantized tensor; None for another."""
    if spec.scale is None:
        return None
    limits = np.iinfo(spec.dtype)
    low, high = ((limit - spec.zero_point) * spec.scale for limit in (limits.min, limits.max))
    return low, high


def quantize(values: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Returns real values as the numbers that the file holds.

    Args:
        values: Real values of any shape and numeric dtype.
        spec: The tensor that they are for. Values beyond its range are clipped, halves round to
            the even number; a tensor without a scale takes the values as they are.

    Raises:
        ValueError: If a value that has to be quantized is not a number.
    """
    if spec.scale is None:
        return np.asarray(values).astype(spec.dtype, copy=False)
    steps = np.rint(np.asarray(values, np.float32) / np.float32(spec.scale)) + spec.zero_point
    if np.isnan(steps).any():
        raise ValueError(
            f"Input {spec.name!r} is quantized, and NaN has no quantized value. "
            "Received an array that holds NaN."
        )
    limits = np.iinfo(spec.dtype)
    return np.clip(steps, limits.min, limits.max).astype(spec.dtype)


def dequantize(numbers: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Returns the real values of a file's numbers: float32 where the tensor is quantized."""
    if spec.scale is None:
        return numbers
    return (numbers.astype(np.float32) - np.float32(spec.zero_point)) * np.float32(spec.scale)


def decisions(scores: np.ndarray) -> np.ndarray:
    """Returns the class of each row of scores `(samples, classes)`.

    It is the number of the largest score, or for one probability a row whether it is above 0.5.
    """
    return scores[:, 0] > 0.5 if scores.shape[1] == 1 else scores.argmax(axis=1)


def share_of_same_decisions(expected: np.ndarray, outputs: np.ndarray) -> float | None:
    """Returns for which share of the samples two arrays decide alike; None if they decide nothing.

    Args:
        expected: An output; one that decides is `(samples, classes)`.
        outputs: The same output from elsewhere.
    """
    if expected.ndim != 2:
        return None
    return float(np.mean(decisions(expected) == decisions(outputs)))
