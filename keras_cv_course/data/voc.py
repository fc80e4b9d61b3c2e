"""Boxes of XML files as in the Pascal VOC challenges."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from keras_cv_course.data.annotations import Annotations, RawBox, Reading
from keras_cv_course.data.images import existing_folder

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_NOWHERE = (math.nan,) * 4
_TRUE = ("1", "true")


def voc_annotations(
    folder: str | os.PathLike[str],
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    broken: str = "skip",
    pictures: str = "JPEGImages",
    annotations: str = "Annotations",
    first_pixel: int = 1,
) -> Annotations:
    """Returns the pictures and boxes of a folder in the layout of Pascal VOC.

    VOC counts pixels from 1 and names the last one inside a box; here the box of the first pixel
    alone reaches from 0 to 1. Objects with <difficult>1 or true are kept and marked.

    Args:
        folder: Holds `JPEGImages`, `Annotations` and, with `split`, `ImageSets/Main`.
        split: Reads the pictures whose names stand in `ImageSets/Main/<split>.txt`. None reads all
            annotations.
        class_names: The classes, in the order of labels. None takes those that occur, sorted.
        broken: "skip" logs what is wrong, leaves it out and lists it in `skipped`; "raise" raises
            ValueError. Broken are an XML file that is missing, cannot be parsed or declares
            entities, which can fill the memory; a picture that is missing, of another size or a
            kind that training cannot take; a box without name, number or area, out of the picture
            or of an unknown class.
        pictures: Sub-folder of the pictures.
        annotations: Sub-folder of the XML files.
        first_pixel: What the first pixel is called: 1 in VOC, 0 in some files of others.

    Raises:
        FileNotFoundError: If there is no such folder, or no list of the split.
        ValueError: If nothing can be read, or something is broken that must not be.

    Example:
        >>> train = voc_annotations("bccd", "train")
        >>> val = voc_annotations("bccd", "val", class_names=train.class_names)

    Reference:
        "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 10.1.
    """
    root = existing_folder(folder)
    boxes = existing_folder(root / annotations)
    listed = None if split is None else root / "ImageSets" / "Main" / f"{split}.txt"
    reading = Reading(broken, class_names, listed or boxes)
    for path in _files(boxes, listed):
        try:
            root_element = defusedxml.ElementTree.fromstring(path.read_bytes())
        except FileNotFoundError:
            reading.problem(str(path), "there is no such file.")
        except DefusedXmlException as error:
            reading.problem(str(path), f"declares what an annotation has no use for ({error}).")
        except (ParseError, LookupError, ValueError) as error:  # The last two of encodings.
            reading.problem(str(path), f"is no XML ({error}).")
        else:
            _read(root_element, path, root / pictures, first_pixel, reading)
    return reading.annotations()


def _files(folder: Path, listed: Path | None) -> list[Path]:
    if listed is None:
        return sorted(folder.glob("*.xml"))
    if not listed.is_file():
        present = sorted(path.stem for path in listed.parent.glob("*.txt"))
        raise FileNotFoundError(
            f"There is no list {listed} for split={listed.stem!r}. There are {present}."
        )
    lines = (line.split() for line in listed.read_text("utf-8").splitlines())
    # Lists of one class have a second column, -1 where the class is absent.
    return [folder / f"{line[0]}.xml" for line in lines if line]


def _read(root: Element, path: Path, pictures: Path, first_pixel: int, reading: Reading) -> None:
    name = root.findtext("filename")
    if not name:
        return reading.problem(str(path), "has no <filename>.")
    try:
        size = _size(root)
    except ValueError as error:
        return reading.problem(str(path), f"{error}.")
    boxes = [_box(element, first_pixel) for element in root.iter("object")]
    # Only the last part, so that a path of another machine, or one that leads out, does no harm.
    return reading.picture(pictures, Path(name.replace("\\", "/")).name, str(path), boxes, size)


def _size(root: Element) -> tuple[int, int] | None:
    if root.find("size/height") is None or root.find("size/width") is None:
        return None
    height, width = (_number(root, f"size/{side}") for side in ("height", "width"))
    return int(height), int(width)


def _box(element: Element, first_pixel: int) -> RawBox:
    name = (element.findtext("name") or "").strip()
    if not name:
        return RawBox("?", _NOWHERE, wrong="has no <name>.")
    try:
        corners = [_number(element, f"bndbox/{corner}") - first_pixel for corner in _CORNERS]
    except ValueError as error:
        return RawBox(name, _NOWHERE, wrong=f"{error}.")
    x_min, y_min, x_max, y_max = corners
    difficult = (element.findtext("difficult") or "").strip().lower() in _TRUE
    return RawBox(name, (x_min, y_min, x_max + 1, y_max + 1), difficult=difficult)


def _number(element: Element, path: str) -> float:
    """Returns the number in an element below; raises ValueError where there is none."""
    text, name = element.findtext(path), path.rpartition("/")[2]
    if text is None:
        raise ValueError(f"has no <{name}>")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"has a <{name}> that is no number: {text.strip()!r}")
    return number
