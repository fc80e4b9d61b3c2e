"""The pairs of Labeled Faces in the Wild, as its `pairs.txt` names them."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cv_course._validation import shortened
from keras_cv_course.data.input_files import below, existing_folder, utf8_text


@dataclass(frozen=True, eq=False)
class ImagePairs:
    """Pairs of files.

    Attributes:
        files_a: First image of each pair, `(n,)` paths.
        files_b: Second image.
        people_a: Who is on the first, `(n,)` names.
        people_b: Who is on the second.
        same: Whether that is one person, bool `(n,)`.
        fold: Number of the part that the pair belongs to, from 1, int32 `(n,)`.
    """

    files_a: np.ndarray
    files_b: np.ndarray
    people_a: np.ndarray
    people_b: np.ndarray
    same: np.ndarray
    fold: np.ndarray

    def __len__(self) -> int:
        return len(self.same)


def lfw_pairs(
    pairs: str | os.PathLike[str], folder: str | os.PathLike[str], fold: int | None = None
) -> ImagePairs:
    """Returns the pairs of an LFW `pairs.txt`.

    Its first line has the number of folds and of pairs of each kind in a fold; then come, fold by
    fold, lines `name<TAB>1<TAB>4` of one person's images and lines `name<TAB>1<TAB>name<TAB>2`
    of two people's.

    Args:
        pairs: The file.
        folder: Folder with a folder for each person, of `Name_Surname_0001.jpg`.
        fold: Only this fold, from 1. None is all.

    Raises:
        FileNotFoundError: If there is no such file or folder, or an image is missing.
        ValueError: If the file is no UTF-8 or not of this form, a name leads out of the folder, or
            there is no such fold.

    Example:
        >>> pairs = lfw_pairs("lfw/pairs.txt", "lfw/images")
        >>> report = verification_report(similarity, pairs.same, pairs.fold)

    Reference:
        "Labeled Faces in the Wild", Huang et al., Technical Report 07-49, 2007, section III.
    """
    root, path = existing_folder(folder), Path(pairs)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    lines = [line.split("\t") for line in utf8_text(path).splitlines() if line]
    folds, count = _header(path, lines)
    if fold is not None and not 1 <= fold <= folds:
        raise ValueError(
            f"`fold` must be from 1 to {folds}, the folds of {path}. Received: {fold}."
        )
    rows = [_pair(path, line) for line in lines[1:]]
    number = np.repeat(np.arange(1, folds + 1, dtype=np.int32), 2 * count)
    kept = np.flatnonzero(number == fold) if fold is not None else np.arange(len(rows))
    chosen = [rows[i] for i in kept]
    people = np.array([[a, b] for a, _, b, _ in chosen])
    files = [[_file(root, a, i), _file(root, b, j)] for a, i, b, j in chosen]
    missing = sorted({str(f) for pair in files for f in pair if not f.is_file()})
    if missing:
        raise FileNotFoundError(
            f"{root} must hold all images of the pairs. {len(missing)} are missing, first "
            f"{missing[0]}. `fold` reads one fold alone."
        )
    names = np.array([[str(f) for f in pair] for pair in files])
    same = people[:, 0] == people[:, 1]
    return ImagePairs(names[:, 0], names[:, 1], people[:, 0], people[:, 1], same, number[kept])


def _header(path: Path, lines: list[list[str]]) -> tuple[int, int]:
    numbers = lines[0] if lines else []
    if len(numbers) != 2 or not all(n.isdigit() and int(n) > 0 for n in numbers):
        raise ValueError(
            f"{path} must begin with the number of folds and of pairs, separated by a tab. It "
            f"begins with {shortened(numbers)}."
        )
    folds, count = map(int, numbers)
    if len(lines) - 1 != 2 * folds * count:
        raise ValueError(
            f"{path} must have {2 * folds * count} pairs: {folds} folds of {count} of each kind. "
            f"It has {len(lines) - 1}."
        )
    return folds, count


def _pair(path: Path, line: list[str]) -> tuple[str, int, str, int]:
    try:
        if len(line) == 3:
            return line[0], int(line[1]), line[0], int(line[2])
        if len(line) == 4:
            return line[0], int(line[1]), line[2], int(line[3])
    except ValueError:
        pass  # said below
    raise ValueError(
        f"A line of {path} must be a name and two numbers, or twice a name and a number, separated "
        f"by tabs. Received: {shortened(line)}."
    )


def _file(root: Path, name: str, number: int) -> Path:
    return below(root, f"{name}/{name}_{number:04d}.jpg")
