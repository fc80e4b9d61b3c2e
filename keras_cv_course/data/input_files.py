"""Files and folders that readers are given: which are read, and as what text.

Links to files and folders are followed, wherever they lead. Names that a file contains, such as a
list, a table or an index, must lead below the folder that they are relative to: absolute ones, and
those that lead out by `..`, are refused.
"""

import codecs
import os
from pathlib import Path

from keras_cv_course._reading import read_bytes
from keras_cv_course._validation import shortened

# Of tables and lists: the annotations of the largest public sets have 6 GB.
_MOST_BYTES = 2**33
_LONGEST_PATH = 4096
_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def existing_folder(folder: str | os.PathLike[str]) -> Path:
    """Returns the path of a folder; raises FileNotFoundError where there is none."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {path}.")
    return path


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Returns the path of a regular file; raises FileNotFoundError where there is none."""
    file = Path(path).expanduser()
    if not file.is_file():
        what = "It is a pipe or a device." if file.exists() and not file.is_dir() else ""
        raise FileNotFoundError(f"There is no file {file}. {what}".strip())
    return file


def below(folder: Path, name: str) -> Path:
    """Returns the path of a name that a file contains, without `.` and `..` in it.

    Args:
        folder: What the name is relative to.
        name: The name.

    Raises:
        ValueError: If it is absolute, leads out of the folder, or is longer than any path.
    """
    relative = Path(os.path.normpath(name))
    if relative.anchor or relative.parts[:1] == ("..",):
        raise ValueError(
            f"{shortened(name)} is not below {folder}. Name it by a path relative to this."
        )
    if len(name) > _LONGEST_PATH:
        raise ValueError(
            f"{shortened(name)} is no path below {folder}: it has {len(name):,} characters."
        )
    return folder / relative


def utf8_text(file: Path) -> str:
    """Returns the text of a file in UTF-8, without a byte order mark.

    Raises:
        ValueError: If it is in another encoding, or too large. The message names the file.
    """
    content = read_bytes(file, _MOST_BYTES)
    try:
        return content.decode("utf-8-sig")  # A byte order mark is not part of the first word.
    except UnicodeDecodeError as error:
        marks = (name for mark, name in _OTHER_MARKS.items() if content.startswith(mark))
        encoding = next(marks, "another encoding")
        raise ValueError(
            f"{file} must be text in UTF-8, and is in {encoding} ({error.reason} at byte "
            f"{error.start}). Save it as UTF-8."
        ) from error
