"""Checks .tflite files that are not trusted, without risk to the process that asks.

LiteRT reads a file with little suspicion: a corrupt one can end the process. So a child process
loads and runs it first.
"""

import atexit
import contextlib
import functools
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from keras_cv_course._child import child_command, child_environment

_IDENTIFIER = b"TFL3"
_ZIP = b"PK\x03\x04"
_CHILD = "tflite._validation_child"
_TIMEOUT_S = 120.0
_MOST_BYTES = 2**31


@dataclass(frozen=True)
class FileVerdict:
    """What the check of one file found.

    Attributes:
        path: The file.
        error: What is wrong with it; None where it loads and runs.
        crashed: Whether it ended the child process or had to be stopped.
    """

    path: Path
    error: str | None = None
    crashed: bool = False

    @property
    def ok(self) -> bool:
        """Whether the file loads and runs."""
        return self.error is None


def check_file(path: str | os.PathLike[str], timeout_s: float = _TIMEOUT_S) -> None:
    """Returns nothing where a file is a model that LiteRT loads and runs, and raises otherwise.

    Args:
        path: A .tflite file from anywhere.
        timeout_s: Seconds that loading the file and running it once on zeros may take.

    Raises:
        ValueError: If the file is missing, empty, of another kind, refused by LiteRT, or if it
            crashes LiteRT or keeps it busy for longer than `timeout_s`.

    Example:
        >>> check_file("model.tflite")
    """
    verdict = check_files([path], timeout_s)[0]
    if verdict.error is not None:
        raise ValueError(f"{verdict.path} is not a usable .tflite file: {verdict.error}.")


def check_files(
    paths: Iterable[str | os.PathLike[str]], timeout_s: float = _TIMEOUT_S
) -> list[FileVerdict]:
    """Returns a verdict for each file, in the order of `paths`.

    One child process takes the files one after the other, and a new one the rest if it dies.

    Args:
        paths: .tflite files from anywhere.
        timeout_s: Seconds that each file may take.
    """
    children = _Children()
    try:
        return [children.check(path, timeout_s) for path in map(Path, paths)]
    finally:
        children.stop()


def check_own_file(path: Path, timeout_s: float = _TIMEOUT_S) -> FileVerdict:
    """Returns the verdict on a file that this process has made.

    All such files are opened by one child, which lives as long as this process, because it takes
    longer to start than to open a file.

    Args:
        path: The .tflite file.
        timeout_s: Seconds that it may take.
    """
    return _children_of(os.getpid()).check(path, timeout_s)


@functools.cache
def _children_of(process: int) -> "_Children":
    """Returns the children of this process; one that was forked has others."""
    children = _Children()
    atexit.register(children.stop)
    return children


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns what a reader of a .tflite file stumbles over into a ValueError that names the file.

    LiteRT runs files in which unused parts are damaged; the readers of the flatbuffer then raise
    whatever the damage makes of them.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError | OSError) and str(path) in str(error):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is not a usable .tflite file: {reason}.") from error


def check_header(path: Path) -> str | None:
    """Returns what is wrong with the first bytes of a file, or None."""
    if path.is_dir():
        return "it is a folder"
    if not path.exists():
        return "there is no such file"
    if not path.is_file():
        return "it is a pipe, a socket or a device"
    size = path.stat().st_size
    if size > _MOST_BYTES:
        return f"it has {size:,} bytes, and a flatbuffer at most {_MOST_BYTES:,}"
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        return "it is empty"
    if head.startswith(_ZIP):
        return "it is an archive like .keras files, of which `convert` makes a .tflite"
    if head[4:] != _IDENTIFIER:
        return f"bytes 4 to 8 of a .tflite file are {_IDENTIFIER!r}, and of this one {head[4:]!r}"
    return None


class _Children:
    """A child process at a time, and a new one where it dies.

    A file on which an old child dies gets a second chance with a fresh one, in case the file before
    it had left the child's memory broken.
    """

    def __init__(self) -> None:
        self._child = _Child()
        self._lock = threading.Lock()

    def check(self, path: Path, timeout_s: float) -> FileVerdict:
        error = check_header(path)
        if error is not None:
            return FileVerdict(path, error)
        with self._lock:
            has_answered = self._child.answered > 0
            verdict = self._check(path, timeout_s)
            return self._check(path, timeout_s) if verdict.crashed and has_answered else verdict

    def _check(self, path: Path, timeout_s: float) -> FileVerdict:
        verdict = self._child.check(path, timeout_s)
        if verdict.crashed:
            self.stop()
            self._child = _Child()
        return verdict

    def stop(self) -> None:
        self._child.stop()


class _Child:
    """A child process, started when the first file comes."""

    def __init__(self) -> None:
        self.answered = 0
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def check(self, path: Path, timeout_s: float) -> FileVerdict:
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(str(path.resolve())) + "\n")
            process.stdin.flush()
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return FileVerdict(path, f"LiteRT was still busy with it after {timeout_s:g} s", True)
        except BrokenPipeError:
            line = ""
        if not line:
            return FileVerdict(path, _death(process.wait()), True)
        self.answered += 1
        return FileVerdict(path, json.loads(line))

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # A line that the dead child never took.
                continue

    def _start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            child_command(_CHILD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=child_environment(),
        )
        assert process.stdout is not None
        # A thread and a queue, because a pipe cannot be read with a time-out on every system.
        self._reader = threading.Thread(
            target=_forward, args=(process.stdout, self._lines), daemon=True
        )
        self._reader.start()
        return process


def _forward(pipe: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    for line in pipe:
        lines.put(line)
    lines.put("")


def _death(code: int) -> str:
    if code < 0:
        return f"it crashed LiteRT with signal {signal.Signals(-code).name}"
    return f"it ended LiteRT's process with exit code {code}"
