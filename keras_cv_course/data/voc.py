"""Boxes of XML files as in the Pascal VOC challenges."""

import math
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from keras_cv_course._reading import read_bytes
from keras_cv_course._validation import shortened
from keras_cv_course.data.annotations import Annotations, RawBox, Reading
from keras_cv_course.data.input_files import below, existing_folder, utf8_text
from keras_cv_course.data.photograph_header import MAX_PIXELS

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_NOWHERE = (math.nan,) * 4
_MOST_BYTES = 2**26  # of an XML file
_TRUE = ("1", "true")
_LAST_COLUMN = re.compile(r"\s+(-1|0|1)$")


def voc_annotations(
    folder: str | os.PathLike[str],
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    broken: str = "skip",
    images: str = "JPEGImages",
    annotations: str = "Annotations",
    first_pixel: int = 1,
    max_pixels: int = MAX_PIXELS,
) -> Annotations:
    """Returns the images and boxes of a folder in the layout of Pascal VOC.

    VOC counts pixels from 1 and names the last one inside a box; here the box of the first pixel
    alone reaches from 0 to 1. Objects with <difficult>1 or true are kept and marked. Images are
    upright, see `read_photograph`: of one that EXIF turns, <size> says whether its boxes are of the
    upright image or of the stored one, which are turned then. A <width> of 0 is unknown.

    Args:
        folder: Holds `JPEGImages`, `Annotations` and, with `split`, `ImageSets/Main`.
        split: Reads the images listed in `ImageSets/Main/<split>.txt`. None reads all
            annotations. A line is the name of an XML file without its ending, perhaps with a last
            column of -1, 0 or 1, as lists of one class have it.
        class_names: The classes, in the order of labels. None takes those that occur, sorted.
        broken: "skip" logs what is wrong, leaves it out and lists it in `skipped`; "raise" raises
            ValueError. Broken are an XML file that is missing, cannot be parsed or declares
            entities, which can fill the memory; one that names the image of another; an image
            that is missing, of another size or cannot be read; a box without name, number or area,
            out of the image or of an unknown class.
        images: Sub-folder of the images.
        annotations: Sub-folder of the XML files.
        first_pixel: What the first pixel is called: 1 in VOC, 0 in some files of others.
        max_pixels: The largest number of pixels of an image.

    Raises:
        FileNotFoundError: If there is no such folder, or no list of the split.
        ValueError: If the list is no UTF-8, if nothing can be read, if all boxes lie between 0 and
            1, or something is broken that must not be.

    Example:
        >>> train = voc_annotations("bccd", "train")
        >>> val = voc_annotations("bccd", "val", class_names=train.class_names)

    Reference:
        "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 10.1.
    """
    root = existing_folder(folder)
    boxes = existing_folder(root / annotations)
    listed = None if split is None else root / "ImageSets" / "Main" / f"{split}.txt"
    reading = Reading(broken, class_names, listed or boxes, max_pixels, one=2.0 - first_pixel)
    entries: dict[str, list[_Entry]] = defaultdict(list)
    for path in _files(boxes, listed, reading):
        try:
            entry = _entry(path, first_pixel)
        except ValueError as error:
            reading.problem(str(path), str(error))
        else:
            entries[entry.image].append(entry)
    for same_image in entries.values():
        for entry in _of_this_image(same_image, reading):
            where = str(entry.path)
            reading.add_image(root / images, entry.image, where, entry.boxes, entry.size_px)
    return reading.annotations()


@dataclass(frozen=True)
class _Entry:
    """What an XML file says: the name of an image, its size and boxes."""

    path: Path
    image: str
    size_px: tuple[int, int] | None
    boxes: list[RawBox]


def _files(folder: Path, listed: Path | None, reading: Reading) -> list[Path]:
    if listed is None:
        return sorted(folder.glob("*.xml"))
    if not listed.is_file():
        present = sorted(path.stem for path in listed.parent.glob("*.txt"))
        raise FileNotFoundError(
            f"There is no list {listed} for split={listed.stem!r}. There are {present}."
        )
    paths: dict[Path, None] = {}  # A name that is listed twice is read once.
    for number, line in enumerate(utf8_text(listed).splitlines(), 1):
        if not line.strip():
            continue
        try:
            paths[_listed_file(folder, line.strip())] = None
        except ValueError as error:
            reading.problem(f"{listed}, line {number}", str(error))
    return list(paths)


def _listed_file(folder: Path, line: str) -> Path:
    whole = below(folder, f"{line}.xml")
    # Lists of one class have a last column, -1 where the class is absent.
    name = _LAST_COLUMN.sub("", line)
    return whole if name == line or whole.is_file() else below(folder, f"{name}.xml")


def _entry(path: Path, first_pixel: int) -> _Entry:
    """Returns what an XML file says; raises ValueError where it cannot be read."""
    if not path.is_file():
        raise ValueError("there is no such file.")
    try:
        root = defusedxml.ElementTree.fromstring(read_bytes(path, _MOST_BYTES))
    except DefusedXmlException as error:
        raise ValueError(f"has declarations that an annotation must not have ({error}).") from error
    except (ParseError, LookupError, ValueError) as error:  # The last two of encodings.
        raise ValueError(f"is not XML ({error}).") from error
    # Only the last part, so that a path of another machine, or one that leads out, does no harm.
    name = Path((root.findtext("filename") or "").strip().replace("\\", "/")).name
    if not name:
        raise ValueError("has no <filename>.")
    boxes = [_box(element, first_pixel) for element in root.iter("object")]
    return _Entry(path, name, _size(root), boxes)


def _of_this_image(entries: list[_Entry], reading: Reading) -> list[_Entry]:
    """Returns the file that is of an image, of those that name it.

    Copied files often keep the name of another image: the one that is called like it is right.
    """
    if len(entries) == 1:
        return entries
    own = [entry for entry in entries if entry.path.stem == Path(entry.image).stem]
    for entry in entries:
        if entry not in own:
            others = [other.path.name for other in entries if other is not entry]
            reading.problem(
                str(entry.path),
                f"names the image {entry.image}, as {', '.join(others)} does. Name its own.",
            )
    return own


def _size(root: Element) -> tuple[int, int] | None:
    """Returns (height, width); None where one is not there or 0, which means unknown."""
    if root.find("size/height") is None or root.find("size/width") is None:
        return None
    height, width = (int(_number(root, f"size/{side}")) for side in ("height", "width"))
    return (height, width) if height and width else None


def _box(element: Element, first_pixel: int) -> RawBox:
    name = (element.findtext("name") or "").strip()
    if not name:
        return RawBox("?", _NOWHERE, wrong="has no <name>.")
    try:
        corners = [_number(element, f"bndbox/{corner}") - first_pixel for corner in _CORNERS]
    except ValueError as error:
        return RawBox(name, _NOWHERE, wrong=str(error))
    x_min, y_min, x_max, y_max = corners
    difficult = (element.findtext("difficult") or "").strip().lower() in _TRUE
    return RawBox(name, (x_min, y_min, x_max + 1, y_max + 1), difficult=difficult)


def _number(element: Element, path: str) -> float:
    """Returns the number in an element below; raises ValueError where there is none."""
    text, name = element.findtext(path), path.rpartition("/")[2]
    if text is None:
        raise ValueError(f"has no <{name}>.")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"has a <{name}> that is not a number: {shortened(text.strip())}.")
    return number
