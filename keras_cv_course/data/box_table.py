"""Boxes of a table with a row for each object: file name, class and box."""

import csv
import io
import os
import reprlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from keras_cv_course._validation import check_choice
from keras_cv_course.data.annotations import Annotations, RawBox, Reading
from keras_cv_course.data.input_files import existing_file, existing_folder, utf8_text
from keras_cv_course.data.photograph_header import MAX_PIXELS

FORMATS = ("xyxy", "xywh", "center_xywh", "yxyx")
COLUMNS = ("image_filename", "object_category", "box_0", "box_1", "box_2", "box_3")


def table_annotations(
    path: str | os.PathLike[str],
    images: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    broken: str = "skip",
    box_format: str = "xyxy",
    max_pixels: int = MAX_PIXELS,
) -> Annotations:
    """Returns the images and boxes of a CSV file with a row for each object.

    A row holds the name of an image, the class and four numbers in pixels from 0, of the upright
    image, see `read_photograph`. A first row with words in the place of the numbers is taken for
    the names of the columns. An image without objects has a row with nothing behind its name.

    Args:
        path: The CSV file.
        images: Folder of the images; file names are paths relative to it.
        class_names: The classes, in the order of labels. None takes those that occur, sorted.
        broken: "skip" logs what is wrong, leaves it out and lists it in `skipped`; "raise" raises
            ValueError. Broken are a row without six fields or with a box of no numbers; an image
            that is missing, not below `images` or cannot be read; a box
            without area, out of the image or of an unknown class.
        box_format: "xyxy", "xywh" (the upper left corner, width and height), "center_xywh" or
            "yxyx".
        max_pixels: The largest number of pixels of an image.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If `box_format` is unknown, the file is no CSV in UTF-8, nothing can be read,
            all boxes lie between 0 and 1, or something is broken that must not be.

    Example:
        >>> train = table_annotations("train.csv", "images", box_format="xywh")

    Reference:
        "Dive into Deep Learning", section "The Object Detection Dataset".
    """
    check_choice("box_format", box_format, FORMATS)
    file, folder = existing_file(path), existing_folder(images)
    reading = Reading(broken, class_names, file, max_pixels)
    by_image: dict[str, list[RawBox]] = defaultdict(list)
    rows, numbers = [], []
    for number, row in enumerate(_rows(file), 1):
        fields = [text.strip() for text in row]
        values = [_number(text) for text in fields[2:]]
        if not any(fields) or (number == 1 and _is_head(fields, values)):
            continue
        if fields[0] and not any(fields[1:]):
            by_image[fields[0]].extend(())
        elif len(values) != 4 or None in values:
            where = f"{file}, row {number}"
            reading.problem(where, f"must be {', '.join(COLUMNS)}, but is {reprlib.repr(row)}.")
        else:
            rows.append(fields)
            numbers.append(values)
    with np.errstate(over="ignore"):  # They become infinite, which `Reading` refuses.
        boxes = np.asarray(numbers, np.float32).reshape(-1, 4)
    xyxy = keras.utils.bounding_boxes.convert_format(boxes, box_format, "xyxy")
    for fields, (x_min, y_min, x_max, y_max) in zip(rows, np.asarray(xyxy).tolist(), strict=True):
        by_image[fields[0]].append(RawBox(fields[1], (x_min, y_min, x_max, y_max)))
    for name, raw_boxes in by_image.items():
        reading.add_image(folder, name, f"{file}, {name}", raw_boxes)
    return reading.annotations()


def _rows(file: Path) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(utf8_text(file), newline="")))
    except csv.Error as error:
        raise ValueError(f"{file} is not a readable CSV file ({error}).") from error


def _is_head(fields: list[str], values: list[float | None]) -> bool:
    """Returns whether a row names columns: words where others have the numbers of a box."""
    return len(values) >= 4 and all(fields) and not any(value is not None for value in values)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
