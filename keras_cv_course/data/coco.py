"""Boxes of JSON files as in COCO."""

import os
import reprlib
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_cv_course._reading import parse_json
from keras_cv_course.data.annotations import Annotations, RawBox, Reading
from keras_cv_course.data.input_files import existing_file, existing_folder, utf8_text
from keras_cv_course.data.photograph_header import MAX_PIXELS

_IDS = (int, float, str)
_SIDES = ("height", "width")
_MOST_AREA = 2.0**53


def coco_annotations(
    path: str | os.PathLike[str],
    images: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    broken: str = "skip",
    max_pixels: int = MAX_PIXELS,
    outlines: bool = False,
) -> Annotations:
    """Returns the images and boxes of a file in COCO's format.

    Images without objects are kept. Crowds are kept and marked. The file is read as plain JSON,
    because pycocotools stops at the first thing that is wrong. Images are upright, see
    `read_photograph`: of one that EXIF turns, the height and width of its row say whether its boxes
    are of the upright image or of the stored one, which are turned then. A file with several ids,
    and a category with several, is one image and one class.

    Args:
        path: The JSON file with "images", "annotations" and "categories".
        images: Folder of the images; file names are paths relative to it.
        class_names: The classes, in the order of labels. None takes all categories of the file, in
            the order of their ids, whether they occur or not.
        broken: "skip" logs what is wrong, leaves it out and lists it in `skipped`; "raise" raises
            ValueError. Broken are an image that is missing, not below `images`, of another size
            or cannot be read; a row without the fields that it needs; an id of several files or
            categories; an annotation of an unknown image or category; a box without area, out of
            the image or of an unknown class.
        max_pixels: The largest number of pixels of an image.
        outlines: Whether the outlines of objects are read too; an object without one is broken.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is not in COCO's format, if nothing can be read, if all boxes lie
            between 0 and 1, or something is broken that must not be.

    Example:
        >>> train = coco_annotations("annotations/instances_train.json", "images")

    Reference:
        cocodataset.org, "Data format".
    """
    file, folder = existing_file(path), existing_folder(images)
    content = _content(file)
    problems, categories = _categories(content["categories"])
    names = class_names or tuple(dict.fromkeys(categories.values()))
    reading = Reading(broken, names, file, max_pixels)
    for problem in problems:
        reading.problem(str(file), problem)
    file_names = _by_id(content["images"])
    by_image: dict[Any, list[RawBox]] = defaultdict(list)
    for number, row in enumerate(content["annotations"]):
        wrong = _wrong_annotation(row, file_names, categories)
        if wrong:
            reading.problem(_where(file, "annotation", row, number), wrong)
        else:
            by_image[row["image_id"]].append(_box(row, categories, outlines))
    for number, row in enumerate(content["images"]):
        where, wrong = _where(file, "image", row, number), _wrong_image(row, file_names)
        if wrong:
            reading.problem(where, wrong)
        else:
            size = _size_px(row)
            reading.add_image(folder, row["file_name"], where, by_image[row["id"]], size)
    return reading.annotations()


def _content(file: Path) -> Mapping[str, Any]:
    content = parse_json(utf8_text(file), file)
    for name in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise ValueError(f"{file} must hold a list {name!r}, as COCO's files of instances do.")
    if not all(_has_id(row) and "name" in row for row in content["categories"]):
        raise ValueError(f"{file} must hold 'categories' that have an 'id' and a 'name' each.")
    return content


def _categories(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[Any, str]]:
    """Returns what is wrong with the categories, and the name of each that is right, by id.

    Several ids may share a name and are one class then. An id with several names is none.
    """
    names: dict[Any, set[str]] = defaultdict(set)
    for row in rows:
        names[row["id"]].add(str(row["name"]))
    problems = [
        f"category {key} is listed with several names: {sorted(ambiguous)}."
        for key, ambiguous in names.items()
        if len(ambiguous) > 1
    ]
    # Numbers before text, which do not compare.
    single = sorted((key for key in names if len(names[key]) == 1), key=_id_order)
    return problems, {key: next(iter(names[key])) for key in single}


def _id_order(key: Any) -> tuple[bool, Any]:
    return isinstance(key, str), key


def _by_id(rows: Sequence[Any]) -> dict[Any, set[str]]:
    """Returns the file names of each image's id, of which there should be one."""
    names: dict[Any, set[str]] = defaultdict(set)
    for row in rows:
        if _has_id(row):
            name = row.get("file_name")
            names[row["id"]].add(os.path.normpath(name) if isinstance(name, str) else repr(name))
    return names


def _where(file: Path, kind: str, row: Any, number: int) -> str:
    return f"{file}, {kind} {row['id'] if _has_id(row) else f'number {number} of the list'}"


def _wrong_annotation(
    row: Any, images: Mapping[Any, set[str]], categories: Mapping[Any, str]
) -> str | None:
    if not isinstance(row, dict):
        return f"is not an object: {reprlib.repr(row)}."
    image, category = row.get("image_id"), row.get("category_id")
    if not isinstance(image, _IDS) or image not in images:
        return f"is of the image {reprlib.repr(image)}, which is not listed."
    if not isinstance(category, _IDS) or category not in categories:
        return f"is of the category {reprlib.repr(category)}, not listed."
    box = row.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return f"has no box of four numbers: {reprlib.repr(box)}."
    return None


def _wrong_image(row: Any, images: Mapping[Any, set[str]]) -> str | None:
    if not _has_id(row):
        return f"is not an object with an id: {reprlib.repr(row)}."
    name = row.get("file_name")
    if not isinstance(name, str):
        return f"has no file name: {reprlib.repr(name)}."
    if len(images[row["id"]]) > 1:
        return f"shares its id with other files, {sorted(images[row['id']])}: whose are the boxes?"
    sides = [row.get(side) for side in _SIDES]
    if not all(side is None or _whole(side) is not None for side in sides):
        return f"has a height or width that is not a whole number: {reprlib.repr(sides)}."
    return None


def _has_id(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), _IDS)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max


def _area(value: Any) -> float | None:
    """Returns an area that can be one; None for all else, and so that of the box."""
    return value if _is_number(value) and 0 <= value <= _MOST_AREA else None


def _whole(value: Any) -> int | None:
    """Returns a whole number from 0, also one that is written as text; None for all else."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
    if isinstance(value, bool) or not _is_number(value) or value < 0 or value != int(value):
        return None
    return int(value)


def _size_px(row: Mapping[str, Any]) -> tuple[int, int] | None:
    """Returns (height, width); None where one is not there or 0, which means unknown."""
    height, width = (_whole(row.get(side)) for side in _SIDES)
    return (height, width) if height and width else None


def _box(row: Mapping[str, Any], categories: Mapping[Any, str], outlines: bool) -> RawBox:
    x, y, width, height = (float(number) for number in row["bbox"])
    return RawBox(
        categories[row["category_id"]],
        (x, y, x + width, y + height),
        crowd=bool(row.get("iscrowd", 0)),
        area=_area(row.get("area")),
        outline=row.get("segmentation", []) if outlines else None,
    )
