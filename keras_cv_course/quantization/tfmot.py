"""The quantizers of tensorflow-model-optimization, which do the arithmetic of fake quantization."""

import functools
import os
from typing import Any

BITS = 8
_LEGACY = "TF_USE_LEGACY_KERAS"


@functools.cache
def _quantizers() -> Any:
    """Returns tfmot's public quantizers, with the process as it was before.

    Importing tfmot asks every later import of TensorFlow for Keras 2. By then `tf.keras` must have
    become what it would be without.
    """
    import tensorflow as tf

    tf.keras.Model  # noqa: B018 - resolves the lazy module
    before = os.environ.get(_LEGACY)
    try:
        from tensorflow_model_optimization.quantization.keras import quantizers
    finally:
        if before is None:
            os.environ.pop(_LEGACY, None)
        else:
            os.environ[_LEGACY] = before
    return quantizers


@functools.cache
def of_weights(per_channel: bool) -> Any:
    """Returns the quantizer of kernels: symmetric, -127 to 127, a range for each last axis."""
    return _quantizers().LastValueQuantizer(
        num_bits=BITS, per_axis=per_channel, symmetric=True, narrow_range=True
    )


@functools.cache
def of_activations() -> Any:
    """Returns the quantizer whose range is a moving average over the batches (decay 0.999)."""
    return _quantizers().MovingAverageQuantizer(
        num_bits=BITS, per_axis=False, symmetric=False, narrow_range=False
    )


@functools.cache
def of_calibration() -> Any:
    """Returns the quantizer whose range holds every value it has seen."""
    return _quantizers().AllValuesQuantizer(
        num_bits=BITS, per_axis=False, symmetric=False, narrow_range=False
    )
