"""Runs .tflite files in TensorFlow Lite for Microcontrollers, as it runs on a board.

The runtime ends its process where a file or an arena displeases it, so each run has a child
process of its own.
"""

import importlib.util
import io
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cv_course._child import child_command, child_environment
from keras_cv_course._validation import check_whole
from keras_cv_course.tflite.validation import check_header

_PACKAGE = "tflite_micro"
_CHILD = "devices._micro_child"
_TIMEOUT_S = 120.0
# What the runtime rounds its arena to.
_ALIGNMENT = 16
# Where the search for an arena that holds any file begins and ends; what a file leaves unused costs
# nothing, and a file that asks for more has a size that is read from garbage.
_FIRST_ARENA = 2**20
_ARENA_PER_FILE_BYTE = 4
_LARGEST_ARENA = 2**30
_GROWTH = 8
_LAST_LINES = 3

_ALLOCATION = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
_SHORTAGE = re.compile(r"Failed to .* Requested: (\d+), available (\d+), missing: (\d+)")
# What the runtime prints, and what that means.
_REASONS = (
    (re.compile(r"Didn't find op for builtin opcode '(\w+)'"), "it has no operator {0}"),
    (re.compile(r"Didn't find op for custom opcode '?([\w:.-]+)"), "it has no operator {0}"),
    (
        re.compile(r"Hybrid models are not supported"),
        "it takes no operator with weights in integers and activations in float (dynamic range), "
        "and none in uint8 of TensorFlow 1. Convert with quantize='int8'",
    ),
)


@dataclass(frozen=True)
class MicroRun:
    """What a run in tflite-micro gave, and the memory that it took.

    Attributes:
        outputs: An array `(n, ...)` for each output, in the file's own numbers and order.
        arena_bytes: Memory for activations and bookkeeping together.
        head_bytes: The part of activations and scratch buffers, which operators share.
        tail_bytes: The part that stays, mostly structures of the runtime. It counts pointers of
            this machine: 8 bytes each where most microcontrollers have 4.
    """

    outputs: tuple[np.ndarray, ...]
    arena_bytes: int
    head_bytes: int
    tail_bytes: int


@dataclass(frozen=True)
class _Answer:
    """What a child process left behind."""

    outputs: tuple[np.ndarray, ...] | None
    log: str
    problem: str = ""

    @property
    def shortage(self) -> "re.Match[str] | None":
        """What the runtime says of an arena that is too small."""
        return None if self.outputs is not None else _SHORTAGE.search(self.log)


def run_on_micro(
    path: str | os.PathLike[str],
    inputs: np.ndarray | Sequence[np.ndarray],
    arena_bytes: int | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> MicroRun:
    """Returns outputs and memory of a file that was run in tflite-micro, in a child process.

    Args:
        path: A .tflite file with batch 1.
        inputs: The file's own numbers, `(n, ...)` in the type of its input; for several inputs one
            array each, in the file's order. The samples are run one after the other.
        arena_bytes: Memory that the runtime gets. None gives what the file takes.
        timeout_s: Seconds that all samples together may take.

    Raises:
        ValueError: If the file is no .tflite, an array does not fit it, `arena_bytes` is too small,
            or the runtime refuses the file, crashes on it or is busy for longer than `timeout_s`.
        RuntimeError: If tflite-micro is not installed.

    Example:
        >>> run = run_on_micro("model_int8.tflite", np.zeros((1, 96, 96, 3), np.int8))
        >>> run.outputs[0].shape, run.arena_bytes
        ((1, 2), 103680)

    Reference:
        "TensorFlow Lite Micro: Embedded Machine Learning on TinyML Systems", arXiv:2010.08678,
        section 4.4: the two stacks of the arena, which are head and tail here.
    """
    file = _checked(path)
    arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    if not arrays:
        raise ValueError("`inputs` must hold an array for each input. Received none.")
    if arena_bytes is None:
        answer, given = _ask_with_enough(file, arrays, timeout_s)
    else:
        check_whole("arena_bytes", arena_bytes)
        answer, given = _ask(file, arrays, arena_bytes, timeout_s), arena_bytes
    if answer.outputs is None:
        raise ValueError(_refusal(file, answer, given))
    sizes = {part: int(number) for part, number in _ALLOCATION.findall(answer.log)}
    return MicroRun(answer.outputs, sizes["total"], sizes["head"], sizes["tail"])


def smallest_arena(path: str | os.PathLike[str], timeout_s: float = _TIMEOUT_S) -> int:
    """Returns the fewest bytes, a multiple of 16, with which tflite-micro takes a file.

    The runtime uses some memory only while it prepares the operators, so this can be more than what
    a `MicroRun` reports. A board with the same kernels needs somewhat less, since its pointers are
    shorter; kernels that are made for one processor may ask for scratch buffers of their own.

    Args:
        path: A .tflite file.
        timeout_s: Seconds that each trial may take.

    Raises:
        ValueError: If the file is no .tflite, or the runtime refuses it with any arena.
        RuntimeError: If tflite-micro is not installed.
    """
    file = _checked(path)
    answer, enough = _ask_with_enough(file, [], timeout_s)
    if answer.outputs is None:
        raise ValueError(_refusal(file, answer, enough))
    too_small, fits = 0, enough // _ALIGNMENT
    while fits - too_small > 1:
        middle = (too_small + fits) // 2
        if _ask(file, [], middle * _ALIGNMENT, timeout_s).outputs is None:
            too_small = middle
        else:
            fits = middle
    return fits * _ALIGNMENT


def is_micro_installed() -> bool:
    """Returns whether tflite-micro can be imported."""
    return importlib.util.find_spec(_PACKAGE) is not None


def _checked(path: str | os.PathLike[str]) -> Path:
    if not is_micro_installed():
        raise RuntimeError(
            f"tflite-micro must be installed in this environment. Received: no module {_PACKAGE}. "
            "Install it with pip install 'keras-cv-course[micro]'."
        )
    file = Path(path)
    problem = check_header(file)
    if problem is not None:
        raise ValueError(f"{file} is not a usable .tflite file: {problem}.")
    return file.resolve()


def _ask_with_enough(
    file: Path, arrays: Sequence[np.ndarray], timeout_s: float
) -> tuple[_Answer, int]:
    """Returns the answer with an arena that is no shorter than the file needs, and its bytes."""
    given = max(_FIRST_ARENA, _ARENA_PER_FILE_BYTE * file.stat().st_size)
    given = min(-(-given // _ALIGNMENT) * _ALIGNMENT, _LARGEST_ARENA)
    answer = _ask(file, arrays, given, timeout_s)
    while answer.shortage and given < _LARGEST_ARENA:
        given = min(given * _GROWTH, _LARGEST_ARENA)
        answer = _ask(file, arrays, given, timeout_s)
    return answer, given


def _ask(file: Path, arrays: Sequence[np.ndarray], arena_bytes: int, timeout_s: float) -> _Answer:
    """Returns what a fresh child process answers; without arrays it only allocates."""
    question = io.BytesIO()
    np.savez(question, allow_pickle=False, **{f"input{i}": x for i, x in enumerate(arrays)})
    try:
        done = subprocess.run(
            child_command(_CHILD, str(file), str(arena_bytes)),
            input=question.getvalue(),
            capture_output=True,
            env=child_environment(),
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Answer(None, "", f"it was still busy after {timeout_s:g} s")
    log = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        return _Answer(None, log, _death(done.returncode))
    answer = np.load(io.BytesIO(done.stdout))
    if "wrong_argument" in answer:
        raise ValueError(str(answer["wrong_argument"]))
    if "refused" in answer:
        return _Answer(None, log, str(answer["refused"]))
    return _Answer(tuple(answer[f"output{i}"] for i in range(len(answer.files))), log)


def _refusal(file: Path, answer: _Answer, arena_bytes: int) -> str:
    shortage = answer.shortage
    if shortage and arena_bytes < _LARGEST_ARENA:
        requested, available, missing = (int(number) for number in shortage.groups())
        return (
            f"`arena_bytes` must be larger for {file}. Received: {arena_bytes:,}, where at the "
            f"first shortage {requested:,} bytes were requested and {available:,} were left: give "
            f"at least {arena_bytes + missing:,}, or None."
        )
    matches = ((rule.search(answer.log), text) for rule, text in _REASONS)
    reasons = (text.format(*match.groups()) for match, text in matches if match)
    reason = next(reasons, answer.problem)
    lines = [line for line in map(str.strip, answer.log.splitlines()) if line]
    words = " | ".join(lines[-_LAST_LINES:])
    return f"tflite-micro does not take {file}: {reason}." + (f" It says: {words}" if words else "")


def _death(code: int) -> str:
    if code == -signal.SIGABRT:
        return (
            "it aborted, as on an int8 SOFTMAX of scores that hardly differ: export a trained "
            "network, or logits"
        )
    if code < 0:
        return f"it crashed with signal {signal.Signals(-code).name}"
    return f"it ended its process with exit code {code}"
