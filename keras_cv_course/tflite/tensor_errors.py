"""Which tensors inside a quantized .tflite are furthest from the float network's."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_cv_course.detectors.detections import network_of
from keras_cv_course.quantization.graph import output_names
from keras_cv_course.tflite import chain
from keras_cv_course.tflite.conversion import rewrite
from keras_cv_course.tflite.quiet import quiet
from keras_cv_course.tflite.runtime import named_details
from keras_cv_course.tflite.tensors import dequantize, quantize, spec_from_details

SAMPLES = 8


@dataclass(frozen=True)
class TensorError:
    """Error of one tensor inside a quantized file.

    Attributes:
        name: The tensor's name, which is that of the Keras layer.
        snr_db: Power of the float values over power of the error, in decibels; low is bad.
        worst_steps: Largest error in the tensor's own quantization steps.
    """

    name: str
    snr_db: float
    worst_steps: float


def worst_tensors(
    reference: keras.Model,
    path: str | os.PathLike[str],
    inputs: Mapping[str, np.ndarray],
    count: int = 10,
) -> tuple[TensorError, ...]:
    """Returns the tensors with the lowest signal to noise ratio, lowest first.

    The float network is `reference`, converted as an int8 file is but for the quantization, so
    that tensors correspond by name. Errors accumulate from the input on.

    Args:
        reference: The Keras model that the file was made from.
        path: A quantized .tflite.
        inputs: Arrays `(samples, ...)` by input name; the first few samples are used.
        count: How many tensors to return.
    """
    with quiet():
        network = network_of(reference)
        ready = rewrite(network)
        floats = _Probe(chain.write(ready, output_names(network)))
        integers = _Probe(Path(path).read_bytes())
        one_by_one = list(_samples(inputs))
        errors: dict[str, list[np.ndarray]] = {}
        values: dict[str, list[np.ndarray]] = {}
        for sample in one_by_one:
            exact, rounded = floats.run(sample), integers.run(sample)
            for name in integers.steps:
                if name in exact and exact[name].shape == rounded[name].shape:
                    values.setdefault(name, []).append(exact[name])
                    errors.setdefault(name, []).append(rounded[name] - exact[name])
    rows = [
        _tensor_error(name, np.stack(values[name]), np.stack(errors[name]), integers.steps[name])
        for name in errors
    ]
    return tuple(sorted(rows, key=lambda row: row.snr_db)[:count])


def _tensor_error(name: str, values: np.ndarray, errors: np.ndarray, step: float) -> TensorError:
    signal, noise = np.mean(np.square(values)), np.mean(np.square(errors))
    tiny = np.finfo(np.float64).tiny
    snr_db = 10 * np.log10(max(float(signal), tiny) / max(float(noise), tiny))
    return TensorError(name, float(snr_db), float(np.max(np.abs(errors)) / step))


def _samples(inputs: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Yields the first few samples one by one, each with its batch axis."""
    for sample in zip(*(array[:SAMPLES] for array in inputs.values()), strict=True):
        yield {name: value[np.newaxis] for name, value in zip(inputs, sample, strict=True)}


class _Probe:
    """Runs a file and reads every activation in it."""

    def __init__(self, data: bytes) -> None:
        self._interpreter = Interpreter(model_content=data, experimental_preserve_all_tensors=True)
        self._interpreter.allocate_tensors()
        self._inputs = {
            name: (details["index"], spec_from_details(name, details))
            for name, details in named_details(self._interpreter)[0]
        }
        made = {int(i) for op in self._interpreter._get_ops_details() for i in op["outputs"]}
        self._specs = {
            details["index"]: spec_from_details(details["name"], details)
            for details in self._interpreter.get_tensor_details()
            if details["index"] in made
        }
        self.steps = {s.name: s.scale for s in self._specs.values() if s.scale is not None}

    def run(self, sample: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        for name, (index, spec) in self._inputs.items():
            self._interpreter.set_tensor(index, quantize(sample[name], spec))
        self._interpreter.invoke()
        return {
            spec.name: dequantize(self._interpreter.get_tensor(index), spec).astype(np.float64)
            for index, spec in self._specs.items()
        }
