"""The folder of a gallery: whether it is whole, who can read it, and a copy where it is read-only.

milvus-lite trusts its files. If the list of them, `manifest.json`, is damaged, it takes the list
before, and deletes the files that are not in it: all people enrolled since. So the list is
held against the files before milvus-lite opens the folder.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_cv_course._reading import read_json
from keras_cv_course.faces._extras import need

_MANIFEST = "manifest.json"
_LOCK = "LOCK"
# Numbers of the first and the last change that a file holds.
_FILE = re.compile(r"(data|delta)/\1_(\d+)_(\d+)\.parquet")
_KINDS = {"data": "data_files", "delta": "delta_files"}
_PARQUET = b"PAR1"  # at both ends of a file
FIELDS = {"id", "name", "embedding"}
METRIC = "IP"  # Embeddings have unit length, so the inner product is the cosine.
_METRICS = {"embedding": METRIC}

_Span = tuple[int, int]


def check_undamaged(folder: Path) -> None:
    """Raises ValueError unless all files of a gallery are there and are known to it.

    Args:
        folder: A gallery that is not open.
    """
    patterns = ("collections/*", "databases/*/collections/*")
    for collection in (path for pattern in patterns for path in sorted(folder.glob(pattern))):
        try:
            _check_collection(collection)
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            raise ValueError(
                f"The gallery {folder} is damaged, in {collection.relative_to(folder)}: {reason} "
                "Nothing was changed. Restore the folder from a copy."
            ) from error


def _check_collection(collection: Path) -> None:
    if not any(collection.iterdir()):  # A kill may leave it so.
        return
    fields = {field["name"] for field in read_json(collection / "schema.json")["fields"]}
    sequence, listed = _listed(collection, _METRICS if fields == FIELDS else {})
    for path in listed:
        _check_parquet(path)
    spans = {path: _span(path) for path in listed}
    if max((last for _, last in spans.values()), default=0) > sequence:
        raise ValueError(f"`current_seq` of {_MANIFEST} is {sequence}, before that of its files.")
    present = collection.glob("partitions/*/*/*.parquet")
    for path in (path for path in present if path.parent.name in _KINDS and path not in spans):
        if not _is_left_over(path, sequence, spans, collection):
            raise ValueError(f"{_MANIFEST} does not list {path.name}, which would be deleted.")


def _listed(collection: Path, metrics: Mapping[str, str]) -> tuple[int, list[Path]]:
    """Returns the number of the last change in the files, and the files, by the manifest."""
    path = collection / _MANIFEST
    if not path.exists() and not path.with_name(f"{_MANIFEST}.prev").exists():
        return 0, []  # It is written after the collection is made.
    manifest = read_json(path)
    sequence, wal = manifest["current_seq"], manifest["active_wal_number"]
    if type(sequence) is not int or type(wal) not in (int, type(None)):
        raise ValueError(f"{_MANIFEST} counts in something else than whole numbers.")
    for name, index in manifest["index_specs"].items():
        if index["metric_type"] != metrics.get(name, index["metric_type"]):
            raise ValueError(f"{_MANIFEST} compares by {index['metric_type']!r:.20}.")
    files = []
    for partition, lists in manifest["partitions"].items():
        for kind, key in _KINDS.items():
            for name in lists[key]:
                if _FILE.fullmatch(name) is None or not name.startswith(kind):
                    raise ValueError(f"{_MANIFEST} lists {name!r:.80}, which is not a file of it.")
                files.append(collection / "partitions" / _one_folder(partition) / name)
    _check_parsed(path)
    return sequence, files


def _check_parsed(path: Path) -> None:
    """Raises ValueError unless milvus-lite reads a manifest that has none before it beside it."""
    with tempfile.TemporaryDirectory(prefix="manifest-") as alone:
        shutil.copyfile(path, Path(alone, _MANIFEST))
        try:
            need("milvus_lite.storage.manifest").Manifest.load(alone)
        # Its own error, and whatever a value of another kind makes its parser raise.
        except Exception as error:
            raise ValueError(f"milvus-lite cannot read {_MANIFEST}.") from error


def _one_folder(partition: str) -> str:
    if partition in ("", ".", "..") or Path(partition).name != partition:
        raise ValueError(f"{_MANIFEST} has a partition {partition!r:.80}.")
    return partition


def _check_parquet(path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{path.name}, which {_MANIFEST} lists, is not there.")
    with path.open("rb") as file:
        head = file.read(len(_PARQUET))
        file.seek(-min(len(_PARQUET), path.stat().st_size), os.SEEK_END)
        if head != _PARQUET or file.read() != _PARQUET:
            raise ValueError(f"{path.name} is not whole.")


def _span(path: Path) -> _Span:
    match = _FILE.fullmatch(f"{path.parent.name}/{path.name}")
    if match is None:
        raise ValueError(f"{path.name} is not the name of a gallery's file.")
    return int(match[2]), int(match[3])


def _is_left_over(path: Path, sequence: int, listed: dict[Path, _Span], collection: Path) -> bool:
    """Returns whether a kill has left a file behind whose content is elsewhere too.

    Before the manifest lists a new file, its changes are in the log; what several files hold is
    put together in one before they are deleted; and removals are deleted when all faces that they
    concern are gone.
    """
    first, last = _span(path)
    if first > sequence:
        return any(start <= first and last <= end for start, end in _logged(collection))
    data = [span for other, span in listed.items() if other.parent.name == "data"]
    if path.parent.name == "delta":
        return last < min((start for start, _ in data), default=sequence + 1)
    return any(start <= last and first <= end for start, end in data)


def _logged(collection: Path) -> Iterator[_Span]:
    """Yields the first and the last change of each log."""
    wal = need("milvus_lite.storage.wal").WAL
    folder = str(collection / "wal")
    for number in wal.find_wal_files(folder):
        batches: Iterable[Any] = (b for part in wal.recover(folder, number) for b in part)
        changes = [change for batch in batches for change in batch.column("_seq").to_pylist()]
        if changes:
            yield min(changes), max(changes)


def keep_private(folder: Path) -> None:
    """Restricts a gallery to its owner: folders are 0700 and files 0600.

    What belongs to another user, who grants access, is left unchanged.
    """
    if os.name != "posix":
        return
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        mode = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
        ours = status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode)
        if ours and stat.S_IMODE(status.st_mode) != mode:
            path.chmod(mode)


def is_read_only(folder: Path) -> bool:
    """Returns whether a gallery is there that this process cannot write to."""
    lock = folder / _LOCK
    return lock.is_file() and not (os.access(folder, os.W_OK) and os.access(lock, os.W_OK))


def private_copy(folder: Path) -> "tempfile.TemporaryDirectory[str]":
    """Returns a temporary folder, for this user alone, with a copy of a gallery named "copy.db".

    Raises:
        BlockingIOError: If the gallery is open elsewhere.
        ValueError: If it is damaged.
    """
    import fcntl  # Not on Windows, where there are no such folders.

    with (folder / _LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        check_undamaged(folder)
        temporary = tempfile.TemporaryDirectory(prefix="gallery-")
        copied = Path(temporary.name, "copy.db")
        # File by file, for the modes of a read-only folder would keep this process out of it.
        for path in folder.rglob("*"):
            target = copied / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                shutil.copyfile(path, target)
    keep_private(copied)
    return temporary
