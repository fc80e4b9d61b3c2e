"""Masks in folders beside those of their images, also in the layout of Pascal VOC."""

import os
from collections.abc import Sequence
from pathlib import Path

from keras_cv_course._validation import shortened
from keras_cv_course.data.input_files import below, existing_folder, utf8_text
from keras_cv_course.data.masks import (
    CLASSES_FILE,
    MOST_CLASSES,
    Classes,
    MaskReading,
    SegmentationImages,
    read_classes,
)
from keras_cv_course.data.photograph_header import MAX_PIXELS
from keras_cv_course.data.photographs import image_files
from keras_cv_course.data.windows import IGNORE_VALUE

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_LONGEST_NAME = 250  # of a file, without its ending
_ENDINGS = (".png", ".bmp", ".gif", ".tif", ".tiff")


def folder_masks(
    images: str | os.PathLike[str],
    masks: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    values: Sequence[int] | None = None,
    ignore_value: int | None = IGNORE_VALUE,
    broken: str = "skip",
    max_pixels: int = MAX_PIXELS,
) -> SegmentationImages:
    """Returns the images of a folder, with the masks of the same names in another one.

    A mask is a PNG file in grey or with a palette, whose numbers count, of the size of its image.
    All masks are read once, to find what is wrong with them.

    Args:
        images: Folder of the images; those in folders below it count too.
        masks: Folder of the masks, with the same folders below it.
        class_names: The classes, in the order of labels. None takes the lines of `classes.txt` in
            the folder of the masks or the one above it, see `read_classes`; without one, the
            numbers from 0 to the largest that occurs.
        values: What stands in the masks for each class; None is 0, 1, 2 and so on.
        ignore_value: What stands for pixels that have no class; None if all have one. A class of
            the same value comes first.
        broken: "skip" logs what is wrong, leaves it out and lists it in `skipped`; "raise" raises
            ValueError. Broken are an image or a mask that is missing, of another size, or cannot be
            read, and a mask that has colours or values beyond the classes.
        max_pixels: The largest number of pixels of an image.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If nothing can be read, there are more than 255 classes, or something is broken
            that must not be.

    Example:
        >>> train = folder_masks("pets/images", "pets/masks", ("cat", "dog"), ignore_value=255)
        >>> image, mask = train[0]
    """
    folder, mask_folder = existing_folder(images), existing_folder(masks)
    classes = _classes(mask_folder, class_names, values, ignore_value)
    reading = MaskReading(folder, classes, ignore_value, broken, max_pixels)
    for file in map(Path, image_files(folder)):
        reading.add(folder, file, _mask_of(mask_folder / file.relative_to(folder)))
    return reading.images()


def voc_masks(
    folder: str | os.PathLike[str],
    split: str,
    class_names: Sequence[str] | None = None,
    ignore_value: int | None = IGNORE_VALUE,
    broken: str = "skip",
    max_pixels: int = MAX_PIXELS,
) -> SegmentationImages:
    """Returns the images and masks of a folder in the layout of Pascal VOC.

    Args:
        folder: Holds `JPEGImages`, `SegmentationClass` and `ImageSets/Segmentation`.
        split: Reads the images whose names stand in `ImageSets/Segmentation/<split>.txt`.
        class_names: The classes, in the order of labels, the background first. None takes the
            lines of `classes.txt` in the folder; without one, VOC's 21 classes.
        ignore_value: As in `folder_masks`, like the arguments that follow.
        broken: "skip" or "raise".
        max_pixels: The largest number of pixels of an image.

    Raises:
        FileNotFoundError: If there is no such folder, or no list of the split.
        ValueError: As in `folder_masks`.

    Example:
        >>> train = voc_masks("VOC2012", "train")

    Reference:
        "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 3.
    """
    root = existing_folder(folder)
    images, masks = (
        existing_folder(root / "JPEGImages"),
        existing_folder(root / "SegmentationClass"),
    )
    listed = root / "ImageSets" / "Segmentation" / f"{split}.txt"
    if not listed.is_file():
        present = sorted(path.stem for path in listed.parent.glob("*.txt"))
        raise FileNotFoundError(
            f"There is no list {listed} for split={split!r}. There are {present}."
        )
    classes = _classes(masks, class_names, None, ignore_value)
    classes = classes or Classes(VOC_CLASSES, None, ignore_value)
    reading = MaskReading(listed, classes, ignore_value, broken, max_pixels)
    for number, line in enumerate(utf8_text(listed).splitlines(), 1):
        name = line.strip()
        if not name:
            continue
        where = f"{listed}, line {number}"
        if len(name) > _LONGEST_NAME:
            reading.problems.add(where, f"{shortened(name)} is too long for the name of an image.")
            continue
        try:
            image, mask = below(images, f"{name}.jpg"), below(masks, name)
        except ValueError as error:
            reading.problems.add(where, str(error))
        else:
            reading.add(images, image, _mask_of(mask))
    return reading.images()


def _classes(
    masks: Path,
    names: Sequence[str] | None,
    values: Sequence[int] | None,
    ignore_value: int | None,
) -> Classes | None:
    if names is None:
        files = [folder / CLASSES_FILE for folder in (masks, masks.parent)]
        file = next((file for file in files if file.is_file()), None)
        classes = None if file is None else read_classes(file, ignore_value)
    else:
        classes = Classes(tuple(names), None if values is None else tuple(values), ignore_value)
    if classes is not None and not 1 <= len(classes.names) <= MOST_CLASSES:
        raise ValueError(
            f"`class_names` must be 1 to {MOST_CLASSES} classes. Received: {len(classes.names)}."
        )
    return classes


def _mask_of(path: Path) -> Path:
    """Returns the mask of an image, of the same name with another ending."""
    candidates = (path.with_name(path.stem + ending) for ending in _ENDINGS)
    return next((file for file in candidates if file.is_file()), path.with_name(f"{path.stem}.png"))
