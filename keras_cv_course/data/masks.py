"""Images with a class for each pixel, and what was wrong with the rest."""

import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from keras_cv_course.data.input_files import utf8_text
from keras_cv_course.data.photograph_header import (
    MAX_PIXELS,
    UNREADABLE,
    PhotographHeader,
    open_regular,
    opened,
    read_header,
    readable_name,
)
from keras_cv_course.data.photographs import read_photograph
from keras_cv_course.data.problems import Problems
from keras_cv_course.data.windows import IGNORE_VALUE

# One byte a pixel, of which one value says that a pixel has no class.
MOST_CLASSES = 255
CLASSES_FILE = "classes.txt"
_VALUE_AND_NAME = re.compile(r"(\d{1,9})\s+(\S.*)", re.ASCII)
_NUMBERS = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True, eq=False)
class SegmentationImage:
    """An image file and the class of each of its pixels.

    Attributes:
        path: The file.
        size_px: (height, width) of the upright image.
        read_mask: Returns the mask, see `mask`.
        name: The file as a path below the folder of the images, with `/`.
    """

    path: Path
    size_px: tuple[int, int]
    read_mask: Callable[[], np.ndarray] = field(repr=False)
    name: str

    def load(self) -> np.ndarray:
        """Returns the image upright, uint8 `(height, width, 3)`, see `read_photograph`.

        Raises:
            FileNotFoundError: If the file is gone.
            ValueError: If it cannot be decoded, or is of another size than when it was read first.
        """
        height, width = self.size_px
        image = read_photograph(self.path, max_pixels=height * width)
        if image.shape[:2] != self.size_px:
            raise ValueError(
                f"{self.path} is {image.shape[1]}x{image.shape[0]} pixels now, and was "
                f"{width}x{height}. Read the masks again."
            )
        return image

    def mask(self) -> np.ndarray:
        """Returns the class of each pixel, uint8 `(height, width)`; 255 for what has none.

        Raises:
            FileNotFoundError: If a mask file is gone.
            ValueError: If it has changed since it was read first.
        """
        return self.read_mask()


@dataclass(frozen=True)
class SegmentationImages:
    """Images with masks.

    Attributes:
        images: The images.
        class_names: Names of the classes, by label.
        skipped: What was left out, and why; one line each.
    """

    images: tuple[SegmentationImage, ...]
    class_names: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def files(self) -> tuple[str, ...]:
        """The images as sorted paths below their folder: what a run records and compares."""
        return tuple(sorted(image.name for image in self.images))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image = self.images[index]
        return image.load(), image.mask()

    def samples(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields each image, uint8 `(height, width, 3)`, and its mask; one at a time."""
        return map(self.__getitem__, range(len(self)))


@dataclass(frozen=True)
class Classes:
    """Names of classes and the values that stand for them in mask files.

    Attributes:
        names: Names of the classes, by label.
        values: Value of each in the files; None is 0, 1, 2 and so on.
        ignore_value: Value of pixels that have no class; None if all have one.
    """

    names: tuple[str, ...]
    values: tuple[int, ...] | None = None
    ignore_value: int | None = IGNORE_VALUE

    def labels(self, raw: np.ndarray) -> np.ndarray:
        """Returns labels, uint8, of values; 255 for those without a class.

        Raises:
            ValueError: If there are others.
        """
        values = range(len(self.names)) if self.values is None else self.values
        present = np.unique(raw)
        table = dict(zip(values, range(len(self.names)), strict=True))
        if self.ignore_value is not None:
            table.setdefault(self.ignore_value, IGNORE_VALUE)
        others = sorted(set(present.tolist()) - set(table))
        if others:
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""
            raise ValueError(
                f"has the values {', '.join(map(str, others[:5]))}{more}, which stand for none of "
                f"its {len(self.names)} classes. What has no class is "
                f"{'nothing' if self.ignore_value is None else self.ignore_value}, see "
                "`ignore_value`."
            )
        chosen = np.array([table[value] for value in present.tolist()], np.uint8)
        return chosen[np.searchsorted(present, raw)]


def read_mask(
    path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS
) -> tuple[np.ndarray, PhotographHeader]:
    """Returns the number that stands in each pixel of a mask file, and the file's header.

    Args:
        path: A PNG (or BMP, GIF, TIFF) file in grey or with a palette, of which the numbers of the
            colours count and not the colours.
        max_pixels: The largest number of pixels that is decoded.

    Returns:
        Whole numbers `(height, width)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be decoded or holds colours.
    """
    header = read_header(path, None, max_pixels)
    name = readable_name(path)
    if header.mode not in _NUMBERS or header.kind in ("JPEG", "MPO"):
        raise ValueError(
            f"{name} must hold the class of each pixel as a number, in grey or with a palette. "
            f"Received: a {header.kind} file of {header.mode}. Save numbers as PNG: JPEG changes "
            "values, and colours say no class."
        )
    with open_regular(path) as stream:
        content = stream.read()
    try:
        with opened(io.BytesIO(content)) as image:
            return np.asarray(image).astype(np.int32), header
    except UNREADABLE as error:
        raise ValueError(f"{name} cannot be decoded. Give a whole file or leave it out.") from error


def read_classes(file: Path, ignore_value: int | None = IGNORE_VALUE) -> Classes:
    """Returns the classes in a text file: a name a line, in the order of their values from 0.

    A line may begin with the value, as in "255 cell".

    Args:
        file: The file.
        ignore_value: Value of pixels that have no class.

    Raises:
        ValueError: If it is no UTF-8, names no class or one twice, or only some lines have a value.
    """
    lines = [line.strip() for line in utf8_text(file).splitlines() if line.strip()]
    matches = [_VALUE_AND_NAME.fullmatch(line) for line in lines]
    numbered = all(match is not None for match in matches)
    names = tuple(match.group(2) for match in matches if match) if numbered else tuple(lines)
    if not names or len(set(names)) != len(names) or (any(matches) and not numbered):
        raise ValueError(
            f"{file} must name each class once, a name a line, all of them with their value in "
            "front or none."
        )
    if not numbered:
        return Classes(names, None, ignore_value)
    values = tuple(int(match.group(1)) for match in matches if match)
    if len(set(values)) != len(values):
        raise ValueError(f"{file} must have a value for each class. Received: {list(values)}.")
    return Classes(names, values, ignore_value)


class MaskReading:
    """Gathers images and their mask files, and skips or refuses what is broken.

    Args:
        source: The folder or list that is read, for messages.
        classes: The classes; None takes the values that occur for names.
        ignore_value: Value of pixels that have no class, where `classes` is None.
        broken: "skip" logs what is wrong and leaves it out; "raise" raises ValueError.
        max_pixels: The largest number of pixels of an image.
    """

    def __init__(
        self,
        source: Path,
        classes: Classes | None,
        ignore_value: int | None,
        broken: str,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.source = source
        self.problems = Problems(broken)
        self._classes = classes
        self._ignore_value = ignore_value
        self._max_pixels = max_pixels
        self._values: set[int] = set()
        self._found: list[tuple[Path, str, PhotographHeader, Path]] = []

    def add(self, folder: Path, image: Path, mask: Path) -> None:
        """Adds an image with its mask file, if both are right.

        Args:
            folder: Folder of the images.
            image: The image.
            mask: The mask. It is as large as the upright image, or as the stored one.
        """
        try:
            header = read_header(image, None, self._max_pixels)
            str(image).encode()
            raw = _upright_mask(mask, header, self._max_pixels)
            if self._classes is not None:
                _labels(mask, raw, self._classes)
        except UnicodeEncodeError:
            self.problems.add(
                str(folder), f"its image {image.name!a} has a name that is not UTF-8."
            )
        except (FileNotFoundError, ValueError) as error:
            self.problems.add(str(image), str(error))
        else:
            self._values.update(np.unique(raw).tolist())
            self._found.append((image, image.relative_to(folder).as_posix(), header, mask))

    def images(self) -> SegmentationImages:
        """Returns all that was right.

        Raises:
            ValueError: If nothing was, or there are too many classes.
        """
        skipped = self.problems.logged("images or masks", "SegmentationImages")
        if not self._found:
            first = f" The first problem: {skipped[0]}" if skipped else ""
            raise ValueError(f"No image of {self.source} with a mask can be read.{first}")
        classes = self._classes or self._of_values()
        images = tuple(
            SegmentationImage(
                path, header.size_px, partial(_read, mask, header, classes, self._max_pixels), name
            )
            for path, name, header, mask in self._found
        )
        return SegmentationImages(images, classes.names, skipped)

    def _of_values(self) -> Classes:
        values = sorted(self._values - {self._ignore_value})
        if len(values) > MOST_CLASSES or not values:
            raise ValueError(
                f"The masks of {self.source} must hold 1 to {MOST_CLASSES} classes. Received: "
                f"{len(values)} values. Name the classes in {CLASSES_FILE}, a name a line."
            )
        last = values[-1]
        return Classes(tuple(map(str, range(last + 1))), None, self._ignore_value)


def _upright_mask(path: Path, image: PhotographHeader, max_pixels: int) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"There is no mask {readable_name(path)}.")
    raw, _ = read_mask(path, max_pixels)
    if raw.shape == image.size_px:
        return raw
    if raw.shape == image.stored_size_px:
        return image.upright(raw)
    height, width = image.size_px
    raise ValueError(
        f"{readable_name(path)} must be as large as its image, {width}x{height}. Received: "
        f"{raw.shape[1]}x{raw.shape[0]}."
    )


def _labels(path: Path, raw: np.ndarray, classes: Classes) -> np.ndarray:
    try:
        return classes.labels(raw)
    except ValueError as error:
        raise ValueError(f"{readable_name(path)} {error}") from error


def _read(path: Path, header: PhotographHeader, classes: Classes, max_pixels: int) -> np.ndarray:
    return _labels(path, _upright_mask(path, header, max_pixels), classes)
