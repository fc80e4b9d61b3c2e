"""Boxes of JSON files as in COCO."""

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_cv_course.data.annotations import Annotations, RawBox, Reading, existing_file
from keras_cv_course.data.images import existing_folder


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
            or a kind that training cannot take; an annotation of an unknown picture or category or
            without a box; a box without area, out of the picture or of an unknown class.

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
    reading = Reading(broken, names)
    known = {row["id"] for row in content["images"]}
    by_picture: dict[Any, list[RawBox]] = defaultdict(list)
    for row in content["annotations"]:
        where = f"{file}, annotation {row.get('id')}"
        if row.get("image_id") not in known:
            reading.problem(where, f"is of the picture {row.get('image_id')}, which is not listed.")
        elif row.get("category_id") not in categories:
            reading.problem(where, f"is of the category {row.get('category_id')}, not listed.")
        elif not _is_box(row.get("bbox")):
            reading.problem(where, f"has no box of four numbers: {row.get('bbox')!r}.")
        else:
            by_picture[row["image_id"]].append(_box(row, categories))
    for row in content["images"]:
        size = (row["height"], row["width"]) if {"height", "width"} <= set(row) else None
        where = f"{file}, picture {row['id']}"
        reading.picture(folder, row["file_name"], where, by_picture[row["id"]], size)
    return reading.annotations()


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} is no JSON ({error}).") from error
    for name, keys in (("images", {"id", "file_name"}), ("categories", {"id", "name"})):
        rows = content.get(name) if isinstance(content, dict) else None
        if not isinstance(rows, list) or any(not keys <= set(row) for row in rows):
            raise ValueError(
                f"{file} must hold a list {name!r} of objects with {sorted(keys)}, as COCO's "
                "files of instances do."
            )
    if not isinstance(content.get("annotations"), list):
        raise ValueError(f"{file} must hold a list 'annotations', as COCO's files do.")
    return content


def _is_box(bbox: Any) -> bool:
    return (
        isinstance(bbox, list) and len(bbox) == 4 and all(isinstance(x, int | float) for x in bbox)
    )


def _box(row: Mapping[str, Any], categories: Mapping[Any, str]) -> RawBox:
    x, y, width, height = (float(number) for number in row["bbox"])
    return RawBox(
        categories[row["category_id"]],
        (x, y, x + width, y + height),
        crowd=bool(row.get("iscrowd", 0)),
        area=row.get("area"),
    )
