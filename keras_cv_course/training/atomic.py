"""Lets a library write a file so that a kill on the way leaves the old one whole."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path to write to; what was written takes the place of `path` at the end.

    After an exception the old file stays. The path that is yielded has the ending of `path`, by
    which Keras and Matplotlib choose the format. One process at a time may write to a folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name is always the same, so that what a kill leaves behind is overwritten next time.
    temporary = path.with_name(f".writing.{path.name}")
    try:
        yield temporary
        # On the disk before it has the name, so that a power cut leaves no half file either.
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
