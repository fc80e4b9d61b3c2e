"""Ranges of a quantization-aware model from data, and keeping them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_cv_course._pixel_values import check_pixel_values
from keras_cv_course.data.calibration import calibration_array
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.quantization.operations.normalization import FreezableBatchNormalization

BATCH = 32
_IMAGES = 100


def calibrate(
    model: keras.Model, data: Any, input_range: tuple[float, float] | None = None
) -> None:
    """Sets every range of a quantization-aware model to the extremes that data gives it.

    Fine-tuning that starts so needs no steps to find the ranges. What was known before is
    forgotten.

    Args:
        model: What `quantize_aware` has returned.
        data: Typical inputs in the model's own range, without targets: an array
            `(samples, height, width, channels)`; for several inputs a list, or a dict by name, of
            arrays; a tf.data.Dataset of batches, whose targets are left out; or, for one input, a
            folder of images, of which up to 100 are taken.
        input_range: Range of pixels that the model takes, for a folder; None is what it carries.

    Raises:
        FileNotFoundError: If `data` names a folder that does not exist.
        ValueError: If the model is not quantization-aware, or the data is empty, not finite, or of
            another range than the one that the model's inputs have.
    """
    layers = rounding_layers(model)
    if isinstance(data, str | os.PathLike):
        data = _from_folder(model, data, input_range)
    for layer in layers:
        layer.forget()
        layer.observing = True
    try:
        seen = _Seen()
        for batch in _batches(data):
            seen.add(batch)
            model(batch, training=False)
    finally:
        for layer in layers:
            layer.observing = False
    if not seen.batches:
        raise ValueError("`data` must hold at least one sample. Received: none.")
    _check_input_values(model, layers, seen)
    for layer in layers:
        if layer.is_unset():
            layer.take_zeros()
        if not np.all(np.isfinite([np.asarray(limit) for limit in layer.range()])):
            layer.forget()
            raise ValueError(
                "`data` must give finite values all through the network. Received: data for which "
                f"{layer.name!r} is infinite or not a number. Check the data and the weights."
            )


class FreezeRanges(keras.callbacks.Callback):
    """Stops ranges and batch-norm statistics from moving after some epochs.

    The last epochs then train exactly what the int8 file will compute.

    Args:
        after: How many epochs to train before; 0 freezes from the start.

    Raises:
        ValueError: If `after` is negative.
    """

    def __init__(self, after: int) -> None:
        super().__init__()
        if after < 0:
            raise ValueError(f"`after` must be a number of epochs, 0 or more. Received: {after}.")
        self.after = after

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Freezes the model once its time has come."""
        if epoch >= self.after and freeze_ranges(self.model):
            self.model.make_train_function(force=True)


def freeze_ranges(model: keras.Model) -> bool:
    """Freezes ranges and batch-norm statistics; returns whether any was not before."""
    rounding_layers(model)
    freezable = [
        layer
        for layer in model.layers
        if isinstance(layer, FakeQuantize | FreezableBatchNormalization) and not layer.frozen
    ]
    for layer in freezable:
        layer.frozen = True
    return bool(freezable)


def rounding_layers(model: keras.Model) -> list[FakeQuantize]:
    """Returns the layers that round; raises ValueError if the model is not quantization-aware."""
    layers = [layer for layer in model.layers if isinstance(layer, FakeQuantize)]
    if not layers:
        raise ValueError(
            f"`model` must be quantization-aware. Received: {model.name!r}, a float model. Make it "
            "so with `quantize_aware(model)`."
        )
    return layers


@dataclass
class _Seen:
    """What calibration data had in it."""

    batches: int = 0
    low: float = np.inf
    high: float = -np.inf
    is_uint8: bool = False

    def add(self, batch: Any) -> None:
        self.batches += 1
        for array in map(np.asarray, keras.tree.flatten(batch)):
            self.low = float(np.minimum(self.low, array.min()))  # NaN if either is
            self.high = float(np.maximum(self.high, array.max()))
            self.is_uint8 |= array.dtype == np.uint8


def _check_input_values(model: keras.Model, layers: Sequence[FakeQuantize], seen: _Seen) -> None:
    """Refuses data of another range than the one that was prescribed for the inputs."""
    inputs = {id(x) for x in model.inputs}
    for layer in layers:
        rounded = {id(x) for node in layer._inbound_nodes for x in node.input_tensors}
        if layer.fixed_range is None or rounded.isdisjoint(inputs) or np.isnan(seen.low):
            continue
        low, high = layer.fixed_range
        try:
            check_pixel_values(
                "calibration_data", (seen.low, seen.high), seen.is_uint8, (low, high)
            )
        except ValueError:
            for rounding in layers:
                rounding.forget()
            raise


def _from_folder(
    model: keras.Model, folder: Any, input_range: tuple[float, float] | None
) -> np.ndarray:
    if len(model.inputs) != 1:
        raise ValueError(
            "A folder of images calibrates a model of one input. Received: "
            f"{model.name!r} with {len(model.inputs)}. Pass a list of arrays."
        )
    shape = tuple(model.inputs[0].shape[1:])
    return calibration_array(folder, shape, input_range or spec_of(model).input_range, _IMAGES)


def _batches(data: Any) -> Iterator[Any]:
    if hasattr(data, "as_numpy_iterator"):
        for batch in data.as_numpy_iterator():
            yield batch[0] if isinstance(batch, tuple) else batch
        return
    arrays = keras.tree.map_structure(np.asarray, data)
    samples = len(keras.tree.flatten(arrays)[0])
    for start in range(0, samples, BATCH):
        yield keras.tree.map_structure(lambda array: array[start : start + BATCH], arrays)  # noqa: B023
