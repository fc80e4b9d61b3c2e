"""Checks whether a .tflite file runs on a device, and what to change if not."""

import dataclasses
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from keras_cv_course.tflite._report import render, save_json
from keras_cv_course.tflite.memory import ArenaPlan, plan_arena
from keras_cv_course.tflite.target_rules import (
    ADVICE_RULES,
    PROBLEM_RULES,
    Problem,
    Rule,
    read_file,
)
from keras_cv_course.tflite.targets import Target, find_target
from keras_cv_course.tflite.validation import check_files, reading

_MOST_PEAK_TENSORS = 4
# LiteRT has read the file, and lacks a custom operator that another runtime may have.
_LACKS_OPERATOR = re.compile(r"unresolved custom op|Select TensorFlow op")


@dataclass(frozen=True)
class TargetReport:
    """Whether a device takes a file.

    Attributes:
        path: The file.
        target: Name of the device in `TARGETS`.
        problems: What keeps the file from running there.
        advice: What runs, and could be better.
        memory: Activations and weights, as a microcontroller lays them out. Other runtimes need
            more: they unpack weights and share less.
    """

    path: Path
    target: str
    problems: tuple[Problem, ...]
    advice: tuple[Problem, ...]
    memory: ArenaPlan

    @property
    def ok(self) -> bool:
        """Whether the device takes the file."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as what JSON can hold."""
        return {
            **dataclasses.asdict(self),
            "path": str(self.path),
            "ok": self.ok,
            "memory": self.memory.to_dict(),
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the report as JSON and returns the file's path."""
        return save_json(self.to_dict(), path)

    def __str__(self) -> str:
        parts = [_summary(self)]
        parts += [
            _findings(title, problems)
            for title, problems in (("problem", self.problems), ("advice", self.advice))
            if problems
        ]
        return render(*parts)


def check(path: str | os.PathLike[str], target: str) -> TargetReport:
    """Returns a report on whether a device takes a .tflite file.

    Args:
        path: A .tflite file from anywhere; it is loaded in a child process first. One for which
            LiteRT only lacks a custom operator, as a file that Vela has compiled, is read all the
            same.
        target: "phone", "browser", "microcontroller", "accelerator" or "edge_tpu".

    Raises:
        ValueError: If there is no such target, or if the file is not a sound .tflite.

    Example:
        >>> report = check("model.tflite", "microcontroller")
        >>> report.ok, report.memory.bytes
        (True, 73728)
    """
    row = find_target(target)
    path = Path(path)
    verdict = check_files([path])[0]
    if verdict.error is not None and not _LACKS_OPERATOR.search(verdict.error):
        raise ValueError(f"{path} is not a usable .tflite file: {verdict.error}.")
    data = path.read_bytes()
    with reading(path):
        return TargetReport(
            path, target, find_problems(data, row), find_advice(data, row), plan_arena(data)
        )


def find_problems(data: bytes, target: Target) -> tuple[Problem, ...]:
    """Returns what keeps a .tflite from running on a device; empty where nothing does.

    Args:
        data: Content of a sound .tflite file.
        target: A row of `TARGETS`.
    """
    return _apply(PROBLEM_RULES, data, target)


def find_advice(data: bytes, target: Target) -> tuple[Problem, ...]:
    """Returns what runs on a device, and could be better.

    Args:
        data: Content of a sound .tflite file.
        target: A row of `TARGETS`.
    """
    return _apply(ADVICE_RULES, data, target)


def _apply(rules: Iterable[Rule], data: bytes, target: Target) -> tuple[Problem, ...]:
    file = read_file(data)
    return tuple(problem for rule in rules for problem in rule(file, target))


def _summary(report: TargetReport) -> Table:
    memory = report.memory
    tensors = memory.peak_tensors[:_MOST_PEAK_TENSORS]
    table = Table(show_header=False)
    for name, value in [
        ("file", str(report.path)),
        ("target", f"{report.target}: {'takes it' if report.ok else 'does not take it'}"),
        ("activations", f"{memory.bytes:,} bytes, without scratch memory of kernels"),
        (
            "most at a time",
            f"{memory.peak_bytes:,} bytes, at operator {memory.peak_step}, {memory.peak_operator}",
        ),
        ("which are", "\n".join(f"{t.bytes:,} {t.dtype} {t.shape} {t.name}" for t in tensors)),
        ("weights", f"{memory.weight_bytes:,} bytes"),
    ]:
        table.add_row(name, escape(value))
    return table


def _findings(title: str, problems: Iterable[Problem]) -> Table:
    table = Table(title, "finding", "change")
    for problem in problems:
        table.add_row(*map(escape, (problem.rule, problem.finding, problem.change)))
    return table
