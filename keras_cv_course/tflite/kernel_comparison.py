"""Measures how far the kernels that devices run are from those that define the right result.

LiteRT's default kernels round intermediate results in their own, faster way. What is one step here
grows through the layers, so two devices can differ in the last digits with the same file.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from keras_cv_course._child import child_command, child_environment
from keras_cv_course._validation import check_positive
from keras_cv_course.tflite._report import render, save_json
from keras_cv_course.tflite.flatbuffer import output_steps
from keras_cv_course.tflite.runtime import Batch, TFLiteModel
from keras_cv_course.tflite.tensors import share_of_same_decisions
from keras_cv_course.tflite.validation import reading

# Largest difference, in steps, of each column of a histogram.
STEP_BINS = {"0": 0.0, "1": 1.0, "2": 2.0, "3-4": 4.0, "5-8": 8.0, ">8": np.inf}
_CHILD = "tflite._reference_child"
_TIMEOUT_S = 600.0
_MOST_STDERR_CHARACTERS = 300


@dataclass(frozen=True)
class OutputDifference:
    """How one output differs between the kernels.

    Attributes:
        name: Name of the output.
        step: Size of one quantization step of the output; None if it is float all the way.
        histogram: How many values differ by 0, 1, 2, 3-4, 5-8 and more steps (`STEP_BINS`); None
            without steps.
        median: Median absolute difference of all values: in steps, or without them in the
            output's unit.
        worst: Largest absolute difference, in the same unit.
        agreement: Share of samples with the same decision (largest class, or the same side of
            0.5 for one probability); None if the output is not a vector of scores.
    """

    name: str
    step: float | None
    histogram: tuple[int, ...] | None
    median: float
    worst: float
    agreement: float | None


@dataclass(frozen=True)
class KernelDifferences:
    """What `kernel_differences` found.

    Attributes:
        path: The .tflite file.
        samples: Number of samples compared.
        outputs: One row an output.
    """

    path: str
    samples: int
    outputs: tuple[OutputDifference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON can hold it; histograms by the names in `STEP_BINS`."""
        content = asdict(self)
        for row in content["outputs"]:
            if row["histogram"] is not None:
                row["histogram"] = dict(zip(STEP_BINS, row["histogram"], strict=True))
        return content

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report as JSON, in one step, and returns the file."""
        return save_json(self.to_dict(), path)

    def __str__(self) -> str:
        table = Table(
            title=escape(f"{self.path}: {self.samples} samples"),
            caption="default kernels beside reference kernels: share of values by difference",
        )
        table.add_column("output")
        for title in (*STEP_BINS, "median", "worst", "unit", "same decision"):
            table.add_column(title, justify="right")
        for row in self.outputs:
            table.add_row(escape(row.name), *_cells(row))
        return render(table)


def kernel_differences(
    path: str | os.PathLike[str], data: Batch, timeout_s: float = _TIMEOUT_S
) -> KernelDifferences:
    """Returns how far LiteRT's default kernels are from its reference kernels on a file.

    The default kernels, XNNPACK's for the operators that it has, are what phones run; the
    reference kernels are what tflite-micro computes, within one step.

    Args:
        path: A .tflite file from anywhere.
        data: Inputs in the model's range: an array `(samples, ...)`; for several inputs a list in
            the file's order, or a dict by name, of arrays.
        timeout_s: Seconds that the reference kernels may take. They run in a child process, since
            they can end it, and are many times slower.

    Raises:
        ValueError: If the file is not a usable .tflite, `data` is empty or does not fit it, or the
            reference kernels crash on the file or are busy for longer than `timeout_s`.

    Example:
        >>> report = kernel_differences("int8.tflite", images)
        >>> report.outputs[0].worst, report.outputs[0].agreement
        (4.0, 1.0)
    """
    check_positive("timeout_s", timeout_s)
    model = TFLiteModel(path)
    inputs = _in_order(data, model)
    samples = len(inputs[0])
    if not samples:
        raise ValueError("`data` must hold at least one sample. Received: none.")
    predicted = model.predict(inputs)
    named = predicted if isinstance(predicted, dict) else {model.outputs[0].name: predicted}
    expected = _run_reference(model.path, inputs, timeout_s)
    with reading(model.path):
        steps = output_steps(model.path.read_bytes())
    rows = tuple(
        _difference(spec.name, named[spec.name], reference, step)
        for spec, reference, step in zip(model.outputs, expected, steps, strict=True)
    )
    return KernelDifferences(str(path), samples, rows)


def _in_order(data: Batch, model: TFLiteModel) -> list[np.ndarray]:
    """Returns an array for each input, in the file's order."""
    names = [spec.name for spec in model.inputs]
    if isinstance(data, Mapping):
        if sorted(data) != sorted(names):
            raise ValueError(f"`data` must hold the inputs {names}. Received: {sorted(data)}.")
        arrays = [data[name] for name in names]
    else:
        arrays = [data] if isinstance(data, np.ndarray) else list(data)
        if len(arrays) != len(names):
            raise ValueError(
                f"`data` must be an array for each of the inputs {names}. "
                f"Received: {len(arrays)} arrays."
            )
    return [np.asarray(array) for array in arrays]


def _run_reference(path: Path, inputs: Sequence[np.ndarray], timeout_s: float) -> list[np.ndarray]:
    """Returns the real values of each output by the reference kernels, in the file's order."""
    with tempfile.TemporaryDirectory() as name:
        question, answer = Path(name, "inputs.npz"), Path(name, "outputs.npz")
        np.savez(question, *inputs)
        try:
            done = subprocess.run(
                child_command(_CHILD, str(path.resolve()), str(question), str(answer)),
                capture_output=True,
                text=True,
                errors="replace",
                env=child_environment(),
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError(
                f"The reference kernels were still busy with {path} after {timeout_s:g} s and "
                "were stopped. Give fewer samples, or a larger `timeout_s`."
            ) from error
        if done.returncode:
            raise ValueError(
                f"The reference kernels cannot run {path}: {_death(done.returncode)}. They say: "
                f"{done.stderr.strip()[-_MOST_STDERR_CHARACTERS:] or 'nothing'}"
            )
        with np.load(answer) as arrays:
            return [arrays[key] for key in arrays.files]


def _death(code: int) -> str:
    if code < 0:
        return f"they crashed with signal {signal.Signals(-code).name}"
    return f"they ended their process with exit code {code}"


def _difference(
    name: str, outputs: np.ndarray, expected: np.ndarray, step: float | None
) -> OutputDifference:
    distance = np.abs(np.float64(outputs) - expected)
    histogram = None
    if step is not None:
        distance = np.rint(distance / step)
        bounds = list(STEP_BINS.values())
        counts = np.bincount(np.searchsorted(bounds, distance.ravel()), minlength=len(bounds))
        histogram = tuple(counts.tolist())
    return OutputDifference(
        name,
        step,
        histogram,
        float(np.median(distance)),
        float(distance.max()),
        share_of_same_decisions(expected, outputs),
    )


def _cells(row: OutputDifference) -> list[str]:
    """Returns the cells of a row behind the name."""
    if row.histogram is None:
        shares = [""] * len(STEP_BINS)
    else:
        shares = [f"{count / sum(row.histogram):.1%}" for count in row.histogram]
    return [
        *shares,
        f"{row.median:.3g}",
        f"{row.worst:.3g}",
        "value" if row.step is None else "step",
        "" if row.agreement is None else f"{row.agreement:.1%}",
    ]
