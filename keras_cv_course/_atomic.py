"""Writes files so that a reader, a kill or a power cut finds the old content or the new, whole."""

import contextlib
import errno
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

_logger = logging.getLogger(__name__)

TEMPORARY_PREFIX = ".writing-"  # of the folders that a killed process leaves behind


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a path to write to; what was written takes the place of `path` at the end.

    Missing folders are created. A symbolic link is followed: the file it points to is replaced.
    That file's permissions are kept; a new file gets the usual ones. After an exception the old
    file is as it was and the temporary one is gone. Several processes may write to one folder,
    and to one file, of which the last writer's content stays.

    The yielded path has the name of `path`, by whose ending Keras and Matplotlib choose the
    format, and is in a new folder that only this user can enter: others can neither guess it nor
    put a link in its place.

    Args:
        path: The file to replace or create.

    Raises:
        ValueError: If `path` is a folder, a device or a pipe.
        OSError: If the file cannot be written; the error names `path`.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "a device or a pipe"
        raise ValueError(f"`path` must name a file. Received {kind}: {target}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        _errors_name(target),
        tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=target.parent) as folder,
    ):
        temporary = Path(folder, Path(path).name)
        yield temporary
        # On the disk before it has the name, so that a power cut leaves no half file either.
        flush_to_disk(temporary)
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
        flush_to_disk(target.parent)


def write_atomic(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Returns the path of a file that now holds `content`, whole; see `replacing`.

    Args:
        path: The file to write.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        ValueError: If `path` is a folder, a device or a pipe.
        OSError: If the file cannot be written; the old file is then unchanged.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Keeps other processes that do the same out of a folder while the block runs.

    The lock goes with the process, also when it is killed. Where the file system knows no locks, a
    warning is logged.

    Args:
        folder: The folder, which exists.
        what: What a process does there, e.g. "trains in"; for the message.

    Raises:
        BlockingIOError: If another process does it.
    """
    if os.name != "posix":  # Windows has no such locks.
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"Another process {what} {folder}. Wait for it, or stop it first."
            ) from error
        except OSError as error:
            _logger.warning("%s cannot be locked: %s. Use one process at a time.", folder, error)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _errors_name(target: Path) -> Iterator[None]:
    """Turns an OSError about the temporary file, or about no file, into one about `target`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and TEMPORARY_PREFIX not in os.fsdecode(error.filename):
            raise  # about another file, which the caller reads
        if error.errno is None:  # h5py and others write all into the message
            raise OSError(f"{target} cannot be written: {error}") from error
        raise OSError(error.errno, error.strerror, str(target)) from error


def flush_to_disk(path: Path) -> None:
    """Returns when a file, or the list of a folder's files, is on the disk."""
    folder = path.is_dir()
    if folder and os.name != "posix":  # Windows opens no folders.
        return
    descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing for folders
            raise
    finally:
        os.close(descriptor)
