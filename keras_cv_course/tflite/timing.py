"""Measures time, size and memory of .tflite files side by side."""

import dataclasses
import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from rich.markup import escape
from rich.table import Table

from keras_cv_course._child import child_command, child_environment
from keras_cv_course._validation import check_at_most, check_threads
from keras_cv_course.tflite._report import render, save_json
from keras_cv_course.tflite.runtime import load_interpreter
from keras_cv_course.tflite.validation import check_file

_MEMORY_CHILD = "tflite._memory_child"
_MEMORY_TIMEOUT_S = 300
_MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class FileTiming:
    """What one file costs.

    Attributes:
        path: The file.
        bytes: Its size.
        median_ms: Median time of a run.
        min_ms: Time of the fastest run.
        p90_ms: Time that nine runs of ten do not exceed.
        ratio: `median_ms` as a multiple of the first file's.
        peak_memory_bytes: Most memory that loading the file and running it adds to a process;
            None if the system does not report it.
    """

    path: Path
    bytes: int
    median_ms: float
    min_ms: float
    p90_ms: float
    ratio: float
    peak_memory_bytes: int | None


@dataclass(frozen=True)
class BenchmarkReport:
    """Files measured side by side.

    Attributes:
        files: One row for each file, in the order in which they were given.
        runs: Timed runs of each file.
        warmup: Runs of each file before that.
        num_threads: Threads of the kernels.
    """

    files: tuple[FileTiming, ...]
    runs: int
    warmup: int
    num_threads: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as what JSON can hold."""
        files = [{**dataclasses.asdict(row), "path": str(row.path)} for row in self.files]
        return {**dataclasses.asdict(self), "files": files}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report as JSON and returns the file's path."""
        return save_json(self.to_dict(), path)

    def __str__(self) -> str:
        table = Table("file", caption=f"{self.runs} runs each, {self.num_threads} thread(s)")
        for title in ("bytes", "median ms", "min ms", "p90 ms", "ratio", "memory MiB"):
            table.add_column(title, justify="right")
        for row in self.files:
            memory = row.peak_memory_bytes
            table.add_row(
                escape(str(row.path)),
                f"{row.bytes:,}",
                *(f"{value:.3f}" for value in (row.median_ms, row.min_ms, row.p90_ms)),
                f"{row.ratio:.2f}",
                "unknown" if memory is None else f"{memory / 2**20:.1f}",
            )
        return render(table)


def benchmark(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    runs: int = 50,
    warmup: int = 5,
    num_threads: int = 1,
    seed: int = 0,
) -> BenchmarkReport:
    """Returns time, size and memory of .tflite files, measured side by side.

    All files are loaded in this process and take turns, so that whatever else the machine does
    slows them alike: trust the ratios more than the times. Each runs as the file is, with its own
    types in and out, on the default kernels. Memory is measured in a process for each file.

    Args:
        paths: .tflite files from anywhere; the first is the one that ratios refer to.
        runs: Timed runs of each file.
        warmup: Runs of each file before that.
        num_threads: Threads of the kernels.
        seed: Seed of the inputs: the whole range of a quantized input, [-1, 1) for a float one,
            zeros where numbers could be indices.

    Raises:
        ValueError: If there are no files, one is not usable, or a number is not positive.

    Example:
        >>> print(benchmark(["float.tflite", "int8.tflite"]))
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    if not paths:
        raise ValueError("`paths` must hold at least one .tflite file. Received none.")
    check_at_most("runs", runs, _MOST_RUNS)
    check_threads("num_threads", num_threads)
    files = [Path(path) for path in paths]
    for file in files:
        check_file(file)
    interpreters = [load_interpreter(file, num_threads) for file in files]
    for interpreter in interpreters:
        _fill_inputs(interpreter, np.random.default_rng(seed))
    times_ms = _interleave(interpreters, runs, warmup)
    medians = np.median(times_ms, axis=0)
    rows = [
        FileTiming(
            path=file,
            bytes=file.stat().st_size,
            median_ms=float(medians[i]),
            min_ms=float(times_ms[:, i].min()),
            p90_ms=float(np.percentile(times_ms[:, i], 90)),
            ratio=float(medians[i] / medians[0]),
            peak_memory_bytes=_peak_memory(file, num_threads),
        )
        for i, file in enumerate(files)
    ]
    return BenchmarkReport(tuple(rows), runs, warmup, num_threads)


def _fill_inputs(interpreter: Interpreter, rng: np.random.Generator) -> None:
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], _sample(tensor["shape"], tensor["dtype"], rng))


def _sample(shape: Sequence[int], dtype: type, rng: np.random.Generator) -> np.ndarray:
    if np.issubdtype(dtype, np.floating):
        return rng.uniform(-1, 1, shape).astype(dtype)
    if dtype in (np.int8, np.uint8, np.int16):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.zeros(shape, dtype)


def _interleave(interpreters: Sequence[Interpreter], runs: int, warmup: int) -> np.ndarray:
    """Returns milliseconds, shape (runs, files)."""
    times_ns = np.zeros((warmup + runs, len(interpreters)), np.int64)
    for turn in range(warmup + runs):
        # Another one begins each time: what runs first finds the caches as the last one left them.
        for i in np.roll(np.arange(len(interpreters)), turn).tolist():
            start = time.perf_counter_ns()
            interpreters[i].invoke()
            times_ns[turn, i] = time.perf_counter_ns() - start
    return times_ns[warmup:] / 1e6


def _peak_memory(path: Path, num_threads: int) -> int | None:
    done = subprocess.run(
        child_command(_MEMORY_CHILD, str(path.resolve()), str(num_threads)),
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=_MEMORY_TIMEOUT_S,
        check=True,
    )
    growth: int | None = json.loads(done.stdout)
    return growth
