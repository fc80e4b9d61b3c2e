"""Readers of public sets of faces, as they are laid out on disk."""

import csv
import io
import os
import re
from pathlib import Path

import numpy as np

from keras_cv_course._validation import shortened
from keras_cv_course.data.input_files import existing_folder, utf8_text
from keras_cv_course.data.labelled import LabelledImages
from keras_cv_course.data.photograph_header import read_header
from keras_cv_course.data.photographs import image_files

_FARTHEST_PX = 1_000_000  # of a point that is outside of the image
_AGE_GENDER = re.compile(r"(\d+)_([01])_")


def landmark_table(
    folder: str | os.PathLike[str], table: str = "landmarks.csv", images: str = "images"
) -> LabelledImages:
    """Returns faces with points and the names of people, from a table of comma-separated values.

    Args:
        folder: Holds the table and the folder of images.
        table: Its columns are `file`, `identity`, and x0, y0, x1, y1, … in pixels of the upright
            image; an empty field is a point that is hidden. Others are left out.
        images: Folder of the images.

    Returns:
        Labels "landmarks" (n, 2 points) from the image's centre over its width and height, and
        "detection", which is 1.

    Raises:
        FileNotFoundError: If the folder, the table or an image is missing.
        ValueError: If the table is no CSV in UTF-8, has no such columns or no row, or an image
            cannot be read.
    """
    root = existing_folder(folder)
    rows = _rows(root / table)
    columns = sorted(
        (name for name in (rows[0] if rows else ()) if name and re.fullmatch(r"[xy]\d+", name)),
        key=lambda name: (int(name[1:]), name[0]),
    )
    points = [f"{axis}{i}" for i in range(len(columns) // 2) for axis in "xy"]
    if not columns or columns != points or not {"file", "identity"} <= set(rows[0]):
        raise ValueError(
            f"{root / table} must have a row for each image, with the columns file, identity, "
            f"x0, y0, x1, y1 and so on. It has {len(rows)} rows with {list(*rows[:1])}."
        )
    if not all(row["file"] and row["identity"] for row in rows):
        raise ValueError(f"{root / table} must name a file and an identity in each row.")
    files = [root / images / Path(row["file"]).name for row in rows]
    sizes = np.array([read_header(path).size_px[::-1] for path in files])  # (n, 2)
    try:
        pixels = np.array([[float(row[name] or "nan") for name in columns] for row in rows])
    except ValueError as error:
        raise ValueError(
            f"{root / table} must hold points as numbers: {shortened(str(error))}."
        ) from error
    if (np.abs(pixels) > _FARTHEST_PX).any():
        raise ValueError(
            f"{root / table} must hold points in pixels, up to {_FARTHEST_PX:,} from the corner. "
            f"It holds {pixels[np.abs(pixels) > _FARTHEST_PX][0]:g}."
        )
    shares = pixels.reshape(len(rows), -1, 2) / sizes[:, None] - 0.5
    return _faces(
        [str(path) for path in files], tuple(row["identity"] for row in rows)
    ).with_labels(landmarks=shares)


def age_gender_folder(folder: str | os.PathLike[str]) -> LabelledImages:
    """Returns faces with an age and a gender, from names of files as UTKFace has them.

    Args:
        folder: Its images are called `age_gender_…`, gender 0 or 1. Others are left out.

    Returns:
        Labels "age" in years, "gender", and "detection", which is 1.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no image has such a name.
    """
    rows = []
    for path in image_files(existing_folder(folder)):
        match = _AGE_GENDER.match(Path(path).name)
        if match is not None:
            rows.append((path, float(match.group(1)), float(match.group(2))))
    if not rows:
        raise ValueError(f"{folder} must hold images called like '34_1_…jpg'. It holds none.")
    files, ages, genders = zip(*rows, strict=True)
    return _faces(files).with_labels(age=ages, gender=genders)


def smile_folder(
    folder: str | os.PathLike[str], smiling: str = "smiling", not_smiling: str = "not_smiling"
) -> LabelledImages:
    """Returns faces that smile and faces that do not, from two folders.

    Args:
        folder: Holds both folders.
        smiling: Name of the folder of smiles.
        not_smiling: Name of the other.

    Returns:
        Labels "smile", and "detection", which is 1.

    Raises:
        FileNotFoundError: If a folder is missing.
        ValueError: If one of them holds no image.
    """
    root = existing_folder(folder)
    yes, no = (_images_of(root / name) for name in (smiling, not_smiling))
    return _faces([*yes, *no]).with_labels(smile=[1.0] * len(yes) + [0.0] * len(no))


def faceless_folder(folder: str | os.PathLike[str]) -> LabelledImages:
    """Returns the images of a folder that show no face: "detection" is 0.

    Args:
        folder: Images, at any depth.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no image.
    """
    files = _images_of(existing_folder(folder))
    return LabelledImages(tuple(files), {}).with_labels(detection=np.zeros(len(files)))


def number_people(images: LabelledImages) -> tuple[LabelledImages, tuple[str, ...]]:
    """Returns images with the label "identity", a number for each person, and the names.

    Args:
        images: A set whose people are known.

    Raises:
        ValueError: If they are not.
    """
    if not images.people:
        raise ValueError("`images` must name the people shown. Received a set of unknown people.")
    names, numbers = np.unique(images.people, return_inverse=True)
    return images.with_labels(identity=numbers), tuple(map(str, names))


def _faces(files: list[str] | tuple[str, ...], people: tuple[str, ...] = ()) -> LabelledImages:
    return LabelledImages(tuple(files), {}, people).with_labels(detection=np.ones(len(files)))


def _images_of(folder: Path) -> list[str]:
    files = image_files(existing_folder(folder))
    if not files:
        raise ValueError(f"{folder} must hold images. It holds none.")
    return files


def _rows(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        raise FileNotFoundError(f"There is no table {table}.")
    try:
        return list(csv.DictReader(io.StringIO(utf8_text(table), newline="")))
    except csv.Error as error:
        raise ValueError(f"{table} is not a readable CSV file ({error}).") from error
