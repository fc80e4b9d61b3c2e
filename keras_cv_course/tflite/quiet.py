"""Silence for libraries that write to the terminal from C++ and Python alike."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console


class Log:
    """What was written while the terminal was silent."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def read(self) -> str:
        """Returns all that was written so far."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._file.seek(0)
        return self._file.read()


@contextlib.contextmanager
def quiet() -> Iterator[tuple[Log, Console]]:
    """Sends standard output and error of this process, also from C++, to a temporary file.

    Python warnings and absl's log, which keep their own idea of where to write, are silent too.

    Yields:
        The log of what was written, and a console that still reaches the terminal.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    absl = logging.getLogger("absl")
    level = absl.level
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file,
        os.fdopen(os.dup(kept[1]), "w", encoding="utf-8") as terminal,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        absl.setLevel(logging.ERROR)
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield Log(file), Console(file=terminal)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for target, source in zip((1, 2), kept, strict=True):
                os.dup2(source, target)
                os.close(source)
            absl.setLevel(level)
