"""Class names that travel inside a .tflite file, in the ZIP archive behind the FlatBuffer."""

import io
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_cv_course._containers import most_unpacked, read_member
from keras_cv_course._reading import check_regular

_LOGGER = logging.getLogger(__name__)

LABELS_MEMBER = "labels.txt"
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
    model, members = split_archive(data)
    members[LABELS_MEMBER] = label_lines(check_names("class_names", class_names))
    return join_archive(model, members)


def read_labels(
    path: str | os.PathLike[str], member: str = LABELS_MEMBER
) -> tuple[str, ...] | None:
    """Returns the class names inside a .tflite file, or None where it has none.

    Files of other writers are read as these mean them: a byte order mark is not part of the first
    name, and empty lines at the end are not names; one in between is replaced by its number.

    Args:
        path: A .tflite file.
        member: Name of the list in the archive.

    Raises:
        ValueError: If the file has a list of names that is corrupt.
    """
    text = read_text(path, member)
    if text is None:
        return None
    names = [line.removesuffix("\r") for line in text.split("\n")]
    while names and not names[-1].strip():
        names.pop()
    return tuple(name if name.strip() else str(i) for i, name in enumerate(names)) or None


def read_text(path: str | os.PathLike[str], member: str) -> str | None:
    """Returns a text in the archive of a .tflite file, or None where it has none.

    Args:
        path: A .tflite file.
        member: Name of the text in the archive.

    Raises:
        ValueError: If it is corrupt, or larger than 16 MiB.
    """
    if not zipfile.is_zipfile(check_regular(path)):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if member not in archive.namelist():
                return None
            return read_member(archive, member, _LARGEST_BYTES).decode("utf-8-sig")
    # What `zipfile` raises for a broken archive is not limited to a few classes.
    except Exception as error:
        raise ValueError(
            f"{Path(path)} holds a list {member} that cannot be read: {error}. "
            "Convert the model again to rewrite it."
        ) from error


def fit_names(
    names: tuple[str, ...] | None, shapes: Sequence[tuple[int, ...]], path: Path
) -> tuple[str, ...] | None:
    """Returns one name for each class of a file's only output, for any list of names.

    Missing names are replaced by numbers, and surplus ones left out; both are logged.

    Args:
        names: The names that the file holds.
        shapes: Shapes of its outputs, with the batch. Of several, and of a single number, how many
            classes there are is not known, and the names stay as they are.
        path: The file, for the message.
    """
    classes = shapes[0][-1] if len(shapes) == 1 and len(shapes[0]) > 1 else 1
    if names is None or classes == 1 or len(names) == classes:
        return names
    _LOGGER.warning(
        "%s holds %d class names for %d classes: %s.",
        path,
        len(names),
        classes,
        "the last ones are left out" if len(names) > classes else "numbers replace the others",
    )
    return (*names[:classes], *map(str, range(len(names), classes)))


def label_lines(names: Sequence[str]) -> bytes:
    """Returns the content of the list of names."""
    return "".join(f"{name}\n" for name in names).encode()


def check_names(argument: str, class_names: Sequence[str]) -> list[str]:
    """Returns the names of classes as a list; TypeError or ValueError if they are none.

    Args:
        argument: Name of the argument that gives them, for the message.
        class_names: What was received.
    """
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(
            f"`{argument}` must be a list of strings, one for each class. "
            f"Received: {class_names!r}."
        )
    if len(class_names) == 0:
        raise ValueError(f"`{argument}` must hold at least one name. Received an empty list.")
    for name in class_names:
        if not name or "\n" in name or "\r" in name:
            raise ValueError(
                f"A name in `{argument}` must be text without a line break. Received: {name!r}."
            )
    return list(class_names)


def split_archive(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Returns the part of a .tflite before the archive, and the members of the archive.

    Args:
        data: Content of a .tflite file.

    Raises:
        ValueError: If the archive is damaged, or unpacks to far more than its size.
    """
    file = io.BytesIO(data)
    if not zipfile.is_zipfile(file):
        return data, {}
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            largest = most_unpacked(len(data))
            members = {i.filename: read_member(archive, i.filename, largest) for i in infos}
            start = min((info.header_offset for info in infos), default=archive.start_dir)
    except Exception as error:
        raise ValueError(f"The archive behind the model cannot be read: {error}.") from error
    return data[:start], members


def join_archive(model: bytes, members: Mapping[str, bytes]) -> bytes:
    """Returns the content of a .tflite file with an archive; an empty one is left out.

    Args:
        model: What comes before the archive.
        members: Content of each file in the archive, by name.
    """
    if not members:
        return model
    file = io.BytesIO(model)
    # Mode "a" makes the offsets in the archive count from the start of the file, as readers expect.
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()
