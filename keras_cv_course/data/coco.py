"""Boxes of JSON files as in COCO."""

import json
import os
import reprlib
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_cv_course.data.annotations import Annotations, RawBox, Reading, existing_file
from keras_cv_course.data.images import existing_folder

_IDS = (int, float, str)


def coco_annotations(
    path: str | os.PathLike[str],
    pictures: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    broken: str = "skip",
) -> Annotations:
    """Returns the pictures and boxes of a file in COCO's format.

    Pictures without objects are kept. Crowds are kept and marked. The file is read as plain JSON,
    because pycocotools stops at the first thing that is wrong.

    Args:
        path: The JSON file with "images", "annotations" and "categories".
        pictures: Folder of the pictures; file names are paths relative to it.
        class_names: The classes, in the order of labels. None takes all categories of the file, in
            the order of their ids, whether they occur or not.
        broken: "skip" logs what is wrong, leaves it out and lists it in `skipped`; "raise" raises
            ValueError. Broken are a picture that is missing, not below `pictures`, of another size
            or a kind that training cannot take; a row without the fields that it needs; an
            annotation of an unknown picture or category; a box without area, out of the picture or
            of an unknown class.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is none of COCO's, if nothing can be read, or something is broken
            that must not be.

    Example:
        >>> train = coco_annotations("annotations/instances_train.json", "images")

    Reference:
        cocodataset.org, "Data format".
    """
    file, folder = existing_file(path), existing_folder(pictures)
    content = _content(file)
    categories = {row["id"]: str(row["name"]) for row in content["categories"]}
    names = class_names or [categories[key] for key in sorted(categories)]
    reading = Reading(broken, names, file)
    known = {row["id"] for row in content["images"] if _has_id(row)}
    by_picture: dict[Any, list[RawBox]] = defaultdict(list)
    for number, row in enumerate(content["annotations"]):
        wrong = _wrong_annotation(row, known, categories)
        if wrong:
            reading.problem(_where(file, "annotation", row, number), wrong)
        else:
            by_picture[row["image_id"]].append(_box(row, categories))
    for number, row in enumerate(content["images"]):
        where, wrong = _where(file, "picture", row, number), _wrong_picture(row)
        if wrong:
            reading.problem(where, wrong)
        else:
            size = _size_px(row)
            reading.picture(folder, row["file_name"], where, by_picture[row["id"]], size)
    return reading.annotations()


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{file} is no JSON ({error}).") from error
    for name in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise ValueError(f"{file} must hold a list {name!r}, as COCO's files of instances do.")
    if not all(_has_id(row) and "name" in row for row in content["categories"]):
        raise ValueError(f"{file} must hold 'categories' that have an 'id' and a 'name' each.")
    return content


def _where(file: Path, kind: str, row: Any, number: int) -> str:
    return f"{file}, {kind} {row['id'] if _has_id(row) else f'number {number} of the list'}"


def _wrong_annotation(row: Any, known: set[Any], categories: Mapping[Any, str]) -> str | None:
    if not isinstance(row, dict):
        return f"is no object: {reprlib.repr(row)}."
    picture, category = row.get("image_id"), row.get("category_id")
    if not isinstance(picture, _IDS) or picture not in known:
        return f"is of the picture {reprlib.repr(picture)}, which is not listed."
    if not isinstance(category, _IDS) or category not in categories:
        return f"is of the category {reprlib.repr(category)}, not listed."
    box = row.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return f"has no box of four numbers: {reprlib.repr(box)}."
    return None


def _wrong_picture(row: Any) -> str | None:
    if not _has_id(row):
        return f"is no object with an id: {reprlib.repr(row)}."
    name = row.get("file_name")
    return None if isinstance(name, str) else f"has no file name: {reprlib.repr(name)}."


def _has_id(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), _IDS)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _size_px(row: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = row.get("height"), row.get("width")
    return None if height is None or width is None else (height, width)


def _box(row: Mapping[str, Any], categories: Mapping[Any, str]) -> RawBox:
    x, y, width, height = (float(number) for number in row["bbox"])
    return RawBox(
        categories[row["category_id"]],
        (x, y, x + width, y + height),
        crowd=bool(row.get("iscrowd", 0)),
        area=row["area"] if _is_number(row.get("area")) else None,
    )
