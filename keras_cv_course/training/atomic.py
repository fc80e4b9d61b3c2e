"""Lets a library write a file so that a kill on the way leaves the old one whole."""

import contextlib
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
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
