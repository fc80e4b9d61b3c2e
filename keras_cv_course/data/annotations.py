"""Pictures with boxes, whatever they were read from, and what was wrong with the rest."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from keras_cv_course._validation import check_choice

_LOG = logging.getLogger(__name__)
BROKEN = ("skip", "raise")
UNDECODABLE = "cannot be decoded. Mend it, save it as PNG, or take it out of the annotations."
# What TensorFlow decodes, which reads pictures for training.
_FORMATS = ("BMP", "GIF", "JPEG", "MPO", "PNG", "WEBP")
# What Pillow raises for a file that is no picture, cut off, or too large.
_NO_PICTURE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
# Annotators count pixels from 0 or from 1, inclusive or not: a box may reach over by this much.
_TOLERANCE_PX = 1.0
_MOST_TOLD = 5


@dataclass(frozen=True, eq=False)
class AnnotatedPicture:
    """A picture file and the boxes in it.

    Attributes:
        path: The file.
        size_px: (height, width).
        boxes: float32 `(n, 4)` xyxy in pixels, inside the picture and with an area. The pixel in
            the upper left corner reaches from 0 to 1.
        labels: int32 `(n,)`, 0 to classes - 1.
        crowd: bool `(n,)`: the box holds many objects, and is not learned.
        difficult: bool `(n,)`: the object is hard to recognize; evaluation does not ask for it.
        areas: float32 `(n,)`, of the object's outline in pixels; of the box where that is unknown.
    """

    path: Path
    size_px: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    difficult: np.ndarray
    areas: np.ndarray

    def load(self) -> np.ndarray:
        """Returns the picture, uint8 `(height, width, 3)`.

        Raises:
            FileNotFoundError: If the file is gone.
            ValueError: If it cannot be decoded.
        """
        try:
            with Image.open(self.path) as picture:
                return np.asarray(picture.convert("RGB"))
        except FileNotFoundError:
            raise
        except _NO_PICTURE as error:
            raise ValueError(f"{self.path} {UNDECODABLE}") from error


@dataclass(frozen=True)
class Annotations:
    """Annotated pictures.

    Attributes:
        pictures: The pictures, those without boxes too.
        class_names: Names of the classes, by label.
        skipped: What was left out, and why; one line each.
    """

    pictures: tuple[AnnotatedPicture, ...]
    class_names: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    def samples(self) -> Iterator[tuple[np.ndarray, AnnotatedPicture]]:
        """Yields each picture, uint8 `(height, width, 3)`, and what is in it."""
        for picture in self.pictures:
            yield picture.load(), picture

    def shapes_px(self, input_shape: tuple[int, int]) -> np.ndarray:
        """Returns widths and heights of all boxes when pictures are stretched to a size.

        Args:
            input_shape: (height, width) of the network input in pixels.

        Returns:
            float32 `(boxes, 2)`, for `cluster_shapes`; without crowds.
        """
        shapes = [np.zeros((0, 2), np.float32)]
        for picture in self.pictures:
            sides = (picture.boxes[:, 2:] - picture.boxes[:, :2])[~picture.crowd]
            height, width = picture.size_px
            shapes.append(sides * [input_shape[1] / width, input_shape[0] / height])
        return np.concatenate(shapes).astype(np.float32)


@dataclass(frozen=True)
class RawBox:
    """A box as a reader found it, not yet checked.

    Attributes:
        class_name: Name of the class.
        xyxy: (x_min, y_min, x_max, y_max) in pixels, from 0.
        crowd: See `AnnotatedPicture`.
        difficult: See `AnnotatedPicture`.
        area: Of the object's outline, None where it is unknown.
        wrong: What the reader found wrong with it, None for nothing.
    """

    class_name: str
    xyxy: tuple[float, float, float, float]
    crowd: bool = False
    difficult: bool = False
    area: float | None = None
    wrong: str | None = None


@dataclass
class Reading:
    """Gathers what readers find, and skips or refuses what is broken.

    Attributes:
        broken: "skip" logs what is wrong and leaves it out; "raise" raises ValueError.
        class_names: The classes that may occur, None for all that do.
        source: The file, list or folder that is read, for messages.
    """

    broken: str
    class_names: Sequence[str] | None
    source: Path
    _found: list[tuple[Path, tuple[int, int], list[RawBox]]] = field(default_factory=list)
    _problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_choice("broken", self.broken, BROKEN)

    def problem(self, where: str, what: str) -> None:
        """Skips or refuses something, with its place and what is wrong with it."""
        text = f"{where}: {what}"
        if self.broken == "raise":
            raise ValueError(
                f'{text} Mend it, or read with broken="skip", which leaves it out and says so.'
            )
        self._problems.append(text)

    def picture(
        self,
        folder: Path,
        name: str,
        where: str,
        boxes: Sequence[RawBox],
        told_size_px: tuple[int, int] | None = None,
    ) -> None:
        """Adds a picture with those of its boxes that are right.

        Args:
            folder: Folder of the pictures.
            name: The picture file, as a path below the folder.
            where: Where the annotation stands, for messages.
            boxes: What the annotation says.
            told_size_px: (height, width) that the annotation says, which must be the file's.
        """
        below = Path(os.path.normpath(name))
        if below.anchor or below.parts[:1] == ("..",):
            return self.problem(
                where,
                f"its picture {name!r} is not below {folder}. Name it by a path relative to this.",
            )
        path = folder / below
        try:
            height, width = _size_px(path)
        except ValueError as error:
            return self.problem(where, str(error))
        if told_size_px is not None and tuple(told_size_px) != (height, width):
            return self.problem(
                where,
                f"the picture {path.name} is {width}x{height} pixels and not "
                f"{told_size_px[1]}x{told_size_px[0]} as the annotation says.",
            )
        good = []
        for i, box in enumerate(boxes):
            wrong = self._wrong(box, height, width)
            if wrong:
                self.problem(where, f"box {i} ({box.class_name}) {wrong}")
            else:
                good.append(box)
        self._found.append((path, (height, width), good))
        return None

    def annotations(self) -> Annotations:
        """Returns all that was right.

        Raises:
            ValueError: If nothing was.
        """
        names = self.class_names
        if names is None:
            names = sorted({box.class_name for _, _, boxes in self._found for box in boxes})
        if self._problems:
            count, told = len(self._problems), self._problems[:_MOST_TOLD]
            if count > len(told):
                told = [*told, f"And {count - len(told)} more, see `Annotations.skipped`."]
            _LOG.warning("Left out %d broken annotations: %s", count, " ".join(told))
        if not self._found:
            raise ValueError(
                f"No annotated picture of {self.source} can be read."
                + (f" The first problem: {self._problems[0]}" if self._problems else "")
            )
        labels = {name: label for label, name in enumerate(names)}
        pictures = tuple(_picture(*found, labels) for found in self._found)
        return Annotations(pictures, tuple(names), tuple(self._problems))

    def _wrong(self, box: RawBox, height: int, width: int) -> str | None:
        if box.wrong:
            return box.wrong
        x_min, y_min, x_max, y_max = box.xyxy
        text = f"({x_min:g}, {y_min:g}, {x_max:g}, {y_max:g})"
        if not np.isfinite(box.xyxy).all():
            return f"has coordinates that are no numbers: {text}."
        if x_max <= x_min or y_max <= y_min:
            return f"has no area: {text}."
        inside = min(x_min, y_min) >= -_TOLERANCE_PX
        if not inside or x_max > width + _TOLERANCE_PX or y_max > height + _TOLERANCE_PX:
            return f"reaches out of the picture of {width}x{height} pixels: {text}."
        if self.class_names is not None and box.class_name not in self.class_names:
            return f"is of a class that is none of {list(self.class_names)}."
        return None


def _size_px(path: Path) -> tuple[int, int]:
    """Returns (height, width) by the head of a file; raises ValueError if it cannot be learned."""
    try:
        with Image.open(path) as opened:
            (width, height), unfit = opened.size, _unfit(opened)
    except FileNotFoundError:
        raise ValueError(f"there is no picture {path}.") from None
    except _NO_PICTURE as error:
        raise ValueError(f"{path} is no picture that can be read ({error}).") from error
    if unfit:
        raise ValueError(f"{path} {unfit}")
    return height, width


def _unfit(picture: Image.Image) -> str | None:
    """Returns why training would not see the picture that its boxes are meant for."""
    kind, mode = picture.format, picture.mode
    # Pillow would decode a PNG to look for what stands behind its pixels.
    seen = kind != "PNG" or "exif" in picture.info
    orientation = picture.getexif().get(ExifTags.Base.Orientation, 1) if seen else 1
    reasons = {
        f"is a {kind} file, which training cannot read. Save it as PNG.": kind not in _FORMATS,
        "is a BMP file with a palette, which training cannot read. Save it as PNG.": (
            kind == "BMP" and mode in ("1", "P")
        ),
        "is shown turned, as its EXIF orientation says. Turn it and its boxes first, and save it "
        "without.": orientation in range(2, 9),
        "has 16 bits for a pixel. Save it with 8.": mode.startswith("I"),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _picture(
    path: Path, size_px: tuple[int, int], boxes: Sequence[RawBox], labels: dict[str, int]
) -> AnnotatedPicture:
    height, width = size_px
    coordinates = np.asarray([box.xyxy for box in boxes], np.float32).reshape(-1, 4)
    coordinates = np.clip(coordinates, 0, [width, height, width, height]).astype(np.float32)
    sides = coordinates[:, 2:] - coordinates[:, :2]
    areas = [
        side.prod() if box.area is None else box.area
        for box, side in zip(boxes, sides, strict=True)
    ]
    return AnnotatedPicture(
        path=path,
        size_px=size_px,
        boxes=coordinates,
        labels=np.asarray([labels[box.class_name] for box in boxes], np.int32),
        crowd=np.asarray([box.crowd for box in boxes], bool),
        difficult=np.asarray([box.difficult for box in boxes], bool),
        areas=np.asarray(areas, np.float32),
    )


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Returns the path of a file; raises FileNotFoundError where there is none."""
    found = Path(path).expanduser()
    if not found.is_file():
        raise FileNotFoundError(f"There is no file {found}.")
    return found
