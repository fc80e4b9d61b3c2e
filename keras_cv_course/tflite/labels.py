"""Class names that travel inside a .tflite file."""

import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

_MEMBER = "labels.txt"
# Far above any real list of names; an archive that unpacks to gigabytes is refused.
_LARGEST_BYTES = 16 * 2**20


def append_labels(data: bytes, class_names: Sequence[str]) -> bytes:
    """Returns the bytes of a .tflite file with `class_names` in it.

    The names are the lines of `labels.txt` in a ZIP archive behind the FlatBuffer, which the
    runtimes ignore and every ZIP program reads. Names that `data` already holds are replaced, and
    the other members of its archive are kept. Equal arguments give equal bytes.

    Args:
        data: Content of a .tflite file.
        class_names: One name for each class, in the order of the network's output.

    Raises:
        TypeError: If `class_names` is not a sequence of strings.
        ValueError: If it is empty, or a name is empty or holds a line break.

    Reference:
        "Pack metadata and associated files into the model", TensorFlow Lite Metadata.
    """
    lines = _check_names(class_names)
    model, members = _split(data)
    members[_MEMBER] = "".join(f"{line}\n" for line in lines).encode()
    file = io.BytesIO(model)
    # Mode "a" makes the offsets in the archive count from the start of the file, as readers expect.
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def read_labels(path: str | os.PathLike[str]) -> tuple[str, ...] | None:
    """Returns the class names inside a .tflite file, or None where it has none.

    Args:
        path: A .tflite file.

    Raises:
        ValueError: If the file has a list of names that is corrupt.
    """
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if _MEMBER not in archive.namelist():
                return None
            size = archive.getinfo(_MEMBER).file_size
            if size > _LARGEST_BYTES:
                raise ValueError(f"it is {size:,} bytes long")
            text = archive.read(_MEMBER).decode()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"{Path(path)} holds class names that cannot be read: {error}. "
            "Convert the model again to write them anew."
        ) from error
    return tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))


def _check_names(class_names: Sequence[str]) -> list[str]:
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(
            "`class_names` must be a list of strings, one for each class. "
            f"Received: {class_names!r}."
        )
    if len(class_names) == 0:
        raise ValueError("`class_names` must hold at least one name. Received an empty list.")
    for name in class_names:
        if not name or "\n" in name or "\r" in name:
            raise ValueError(
                f"A name in `class_names` must be text without a line break. Received: {name!r}."
            )
    return list(class_names)


def _split(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Returns the FlatBuffer, and the members of the archive behind it."""
    file = io.BytesIO(data)
    if not zipfile.is_zipfile(file):
        return data, {}
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        members = {info.filename: archive.read(info) for info in infos}
    return data[: min(info.header_offset for info in infos)], members
