"""Writes a file so that a reader sees the old content or the new one, never a part of it."""

import os
import uuid
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Returns the path of a file that now holds `content`, whole.

    The content goes to a temporary file in the same folder, which then takes the file's place in
    one step: a process that is killed on the way leaves the old file as it was. Missing folders
    are created, and a symbolic link is followed.

    Args:
        path: The file to write.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        ValueError: If `path` is a folder.
        OSError: If the folder cannot be written; the old file is then unchanged.
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise ValueError(f"`path` must name a file. Received a folder: {target}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
