"""Compares a .tflite file with the Keras model that it was made from."""

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.table import Table
from sklearn.metrics import accuracy_score

from keras_cv_course.quantization.graph import as_functional, input_names, output_names
from keras_cv_course.tflite._report import render, save_json
from keras_cv_course.tflite.flatbuffer import has_integer_activations, output_steps
from keras_cv_course.tflite.freezing import named_inputs
from keras_cv_course.tflite.runtime import TFLiteModel
from keras_cv_course.tflite.tensor_errors import TensorError, worst_tensors
from keras_cv_course.tflite.tensors import decisions, share_of_same_decisions
from keras_cv_course.tflite.validation import reading

Metric = Callable[[Any, Any], float]


@dataclass(frozen=True)
class OutputParity:
    """How one output of the file differs from the reference's.

    Attributes:
        name: Name of the output.
        worst_error: Largest absolute difference, in the output's unit.
        mean_error: Mean absolute difference.
        step: Size of one quantization step of the output; None if it is float all the way.
        agreement: Share of samples with the same decision (largest class, or the same side of
            0.5 for one probability); None if the output is not a vector of scores.
    """

    name: str
    worst_error: float
    mean_error: float
    step: float | None
    agreement: float | None

    @property
    def worst_steps(self) -> float | None:
        """`worst_error` in quantization steps."""
        return None if self.step is None else self.worst_error / self.step


@dataclass(frozen=True)
class ParityReport:
    """What `compare` found.

    Attributes:
        path: The .tflite file.
        samples: Number of samples compared.
        outputs: One row an output.
        metric: Name of the task's metric; None without targets.
        metric_reference: Its value for the reference.
        metric_tflite: Its value for the file.
        size_bytes: Size of the file.
        milliseconds: Median time of one inference of the file, one thread.
        reference_milliseconds: Time a sample of the reference, predicting them all in batches.
        worst_tensors: Of a quantized file, the tensors that lost most, worst first.
    """

    path: str
    samples: int
    outputs: tuple[OutputParity, ...]
    metric: str | None
    metric_reference: float | None
    metric_tflite: float | None
    size_bytes: int
    milliseconds: float
    reference_milliseconds: float
    worst_tensors: tuple[TensorError, ...]

    @property
    def agreement(self) -> float | None:
        """Smallest agreement of the outputs that decide something; None if none does."""
        shares = [y.agreement for y in self.outputs if y.agreement is not None]
        return min(shares, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON can hold it."""
        return {**asdict(self), "agreement": self.agreement}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report as JSON, in one step, and returns the file."""
        return save_json(self.to_dict(), path)

    def __str__(self) -> str:
        tables = [self._outputs_table()]
        if self.worst_tensors:
            tables.append(self._tensors_table())
        return render(*tables)

    def _outputs_table(self) -> Table:
        table = Table(title=f"{self.path}: {self.samples} samples, {self.size_bytes:,} bytes")
        for column in ("output", "worst error", "in steps", "mean error", "same decision"):
            table.add_column(column, justify="left" if column == "output" else "right")
        for y in self.outputs:
            table.add_row(
                y.name,
                f"{y.worst_error:.3g}",
                "" if y.worst_steps is None else f"{y.worst_steps:.1f}",
                f"{y.mean_error:.3g}",
                "" if y.agreement is None else f"{y.agreement:.2%}",
            )
        lines = [f"{self.milliseconds:.2f} ms, Keras {self.reference_milliseconds:.2f} ms a sample"]
        if self.metric is not None:
            lines.append(
                f"{self.metric} {self.metric_tflite:.4f}, Keras {self.metric_reference:.4f}"
            )
        table.caption = "; ".join(lines)
        return table

    def _tensors_table(self) -> Table:
        table = Table(title="tensors that lost most in quantization")
        table.add_column("tensor", overflow="ellipsis", no_wrap=True, max_width=60)
        table.add_column("signal to noise, dB", justify="right")
        table.add_column("worst error, steps", justify="right")
        for tensor in self.worst_tensors:
            table.add_row(tensor.name, f"{tensor.snr_db:.1f}", f"{tensor.worst_steps:.1f}")
        return table


def compare(
    reference: keras.Model,
    path: str | os.PathLike[str],
    data: Any,
    targets: np.ndarray | None = None,
    metric: Metric | None = None,
) -> ParityReport:
    """Returns how far a .tflite file is from the Keras model that it was made from.

    Args:
        reference: The Keras model, functional or a built Sequential.
        path: The .tflite file.
        data: Inputs in the model's range: an array `(samples, ...)`; for several inputs a list or
            a dict by name of arrays; or a tf.data.Dataset of batches `(inputs, targets)`.
        targets: What the outputs should be; for scores of classes the right class numbers
            `(samples,)`. Taken from a dataset that has them.
        metric: `metric(targets, outputs)` for the task. None is the accuracy, for a model whose
            only output is a vector of scores.

    Raises:
        TypeError: If `reference` is a subclassed model.
        ValueError: If the file is not a usable .tflite, its inputs or outputs are not those of the
            model, `data` is empty, or `targets` need a `metric` that is not given.
    """
    reference = as_functional(reference)
    data, targets = _unpack(data, targets)
    inputs = named_inputs(reference, data)
    samples = len(next(iter(inputs.values())))
    if not samples:
        raise ValueError("`data` must hold at least one sample. Received: none.")
    names = output_names(reference)
    candidate = TFLiteModel(path)
    _check_same_interface(reference, candidate)
    start = time.perf_counter()
    structured = keras.tree.pack_sequence_as(reference.input, list(inputs.values()))
    expected = _by_name(reference.predict(structured, verbose=0), names)
    reference_seconds = time.perf_counter() - start
    actual = candidate.predict(inputs)
    actual = actual if isinstance(actual, dict) else {names[0]: actual}
    content = Path(path).read_bytes()
    with reading(path):
        steps = output_steps(content)
    rows = tuple(
        _output_parity(name, expected[name], actual[name], step)
        for name, step in zip((y.name for y in candidate.outputs), steps, strict=True)
    )
    name, before, after = _task_metric(metric, targets, expected, actual)
    return ParityReport(
        path=str(path),
        samples=samples,
        outputs=rows,
        metric=name,
        metric_reference=before,
        metric_tflite=after,
        size_bytes=len(content),
        milliseconds=_median_ms(candidate, inputs),
        reference_milliseconds=1e3 * reference_seconds / samples,
        worst_tensors=(
            worst_tensors(reference, path, inputs) if has_integer_activations(content) else ()
        ),
    )


def _unpack(data: Any, targets: np.ndarray | None) -> tuple[Any, np.ndarray | None]:
    """Returns arrays; a dataset is read to its end."""
    if not hasattr(data, "as_numpy_iterator"):
        return data, targets
    batches = list(data.as_numpy_iterator())
    if not batches:
        raise ValueError("`data` must hold at least one sample. Received: an empty dataset.")
    if isinstance(batches[0], tuple):
        if targets is None:
            targets = np.concatenate([batch[1] for batch in batches])
        batches = [batch[0] for batch in batches]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *batches), targets


def _by_name(outputs: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    return dict(zip(names, keras.tree.flatten(outputs), strict=True))


def _check_same_interface(reference: keras.Model, candidate: TFLiteModel) -> None:
    for kind, wanted, received in (
        ("inputs", input_names(reference), candidate.inputs),
        ("outputs", output_names(reference), candidate.outputs),
    ):
        have = [tensor.name for tensor in received]
        if sorted(wanted) != sorted(have):
            raise ValueError(
                f"`path` must be a file made from `reference`, with its {kind} {sorted(wanted)}. "
                f"Received: {candidate.path} with {kind} {sorted(have)}."
            )


def _output_parity(
    name: str, expected: np.ndarray, actual: np.ndarray, step: float | None
) -> OutputParity:
    if expected.shape != actual.shape:
        raise ValueError(
            f"`path` must be a file made from `reference`. Received: output {name!r} of shape "
            f"{actual.shape}, and {expected.shape} from the reference."
        )
    difference = np.abs(np.float64(expected) - actual)
    agreement = share_of_same_decisions(expected, actual)
    return OutputParity(name, float(difference.max()), float(difference.mean()), step, agreement)


def _accuracy(targets: np.ndarray, scores: np.ndarray) -> float:
    return float(accuracy_score(np.ravel(targets), decisions(scores)))


def _task_metric(
    metric: Metric | None,
    targets: np.ndarray | None,
    expected: dict[str, np.ndarray],
    actual: dict[str, np.ndarray],
) -> tuple[str | None, float | None, float | None]:
    if targets is None:
        return None, None, None
    if len(expected) == 1:
        before, after = (next(iter(outputs.values())) for outputs in (expected, actual))
        if metric is None and before.ndim == 2:
            return "accuracy", _accuracy(targets, before), _accuracy(targets, after)
        if metric is not None:
            return _name_of(metric), metric(targets, before), metric(targets, after)
    if metric is None:
        raise ValueError(
            "`metric` must be given with `targets` for a model that is not a classifier. Received: "
            f"None, with outputs of shape {[y.shape for y in expected.values()]}."
        )
    return _name_of(metric), metric(targets, expected), metric(targets, actual)


def _name_of(metric: Metric) -> str:
    """Returns the name of a function, also of one with arguments bound to it, or of an object."""
    while isinstance(metric, functools.partial):
        metric = metric.func
    return str(getattr(metric, "__name__", None) or getattr(metric, "name", type(metric).__name__))


def _median_ms(model: TFLiteModel, inputs: Mapping[str, np.ndarray], runs: int = 20) -> float:
    """Returns the median time of one inference, in milliseconds."""
    one = {name: array[:1] for name, array in inputs.items()}
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        model.predict(one)
        times.append(time.perf_counter() - start)
    return float(1e3 * np.median(times))
