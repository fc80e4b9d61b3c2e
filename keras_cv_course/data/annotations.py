"""Images with boxes, of any format, and what was wrong with the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_cv_course.data.input_files import below
from keras_cv_course.data.outlines import Outline, why_no_outline
from keras_cv_course.data.photograph_header import MAX_PIXELS, PhotographHeader, read_header
from keras_cv_course.data.photographs import read_photograph
from keras_cv_course.data.problems import Problems

# Annotators count pixels from 0 or from 1, inclusive or not: a box may reach over by this much.
_TOLERANCE_PX = 1.0
# Of shares of the image that are written with few digits.
_ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """An image file and the boxes in it.

    Attributes:
        path: The file.
        size_px: (height, width) of the upright image.
        boxes: float32 `(n, 4)` xyxy in pixels of the upright image, inside it and with an area.
            The pixel in the upper left corner reaches from 0 to 1.
        labels: int32 `(n,)`, 0 to classes - 1.
        crowd: bool `(n,)`: the box holds many objects, and is not learned.
        difficult: bool `(n,)`: the object is hard to recognize; evaluation does not ask for it.
        areas: float32 `(n,)`, of the object's outline in pixels; of the box where that is unknown.
        name: The file as a path below the folder of the images, with `/`; empty where unknown.
        outlines: Of each box, where they were asked for.
    """

    path: Path
    size_px: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    difficult: np.ndarray
    areas: np.ndarray
    name: str = ""
    outlines: tuple[Outline, ...] = ()

    def load(self) -> np.ndarray:
        """Returns the image upright, uint8 `(height, width, 3)`, see `read_photograph`.

        Raises:
            FileNotFoundError: If the file is gone.
            ValueError: If it cannot be decoded, or is another one than when it was annotated.
        """
        height, width = self.size_px
        image = read_photograph(self.path, max_pixels=height * width)
        if image.shape[:2] != (height, width):
            raise ValueError(
                f"{self.path} is {image.shape[1]}x{image.shape[0]} pixels now, and was "
                f"{width}x{height}. Read the annotations again."
            )
        return image


@dataclass(frozen=True)
class Annotations:
    """Annotated images.

    Attributes:
        images: The images, those without boxes too.
        class_names: Names of the classes, by label.
        skipped: What was left out, and why; one line each.
    """

    images: tuple[AnnotatedImage, ...]
    class_names: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def files(self) -> tuple[str, ...]:
        """The images as sorted paths below their folder: what a run records and compares."""
        return tuple(sorted(image.name or image.path.as_posix() for image in self.images))

    @property
    def max_pixels(self) -> int:
        """Pixels of the largest image."""
        return max((h * w for h, w in (image.size_px for image in self.images)), default=1)

    def samples(self) -> Iterator[tuple[np.ndarray, AnnotatedImage]]:
        """Yields each image, uint8 `(height, width, 3)`, and what is in it; one at a time."""
        for image in self.images:
            yield image.load(), image

    def shapes_px(self, input_shape: tuple[int, int]) -> np.ndarray:
        """Returns widths and heights of all boxes when images are stretched to a size.

        Args:
            input_shape: (height, width) of the network input in pixels.

        Returns:
            float32 `(boxes, 2)`, for `cluster_shapes`; without crowds.
        """
        shapes = [np.zeros((0, 2), np.float32)]
        for image in self.images:
            sides = (image.boxes[:, 2:] - image.boxes[:, :2])[~image.crowd]
            height, width = image.size_px
            shapes.append(sides * [input_shape[1] / width, input_shape[0] / height])
        return np.concatenate(shapes).astype(np.float32)


@dataclass(frozen=True)
class RawBox:
    """A box as a reader found it, not yet checked.

    Attributes:
        class_name: Name of the class.
        xyxy: (x_min, y_min, x_max, y_max) in pixels, from 0.
        crowd: See `AnnotatedImage`.
        difficult: See `AnnotatedImage`.
        area: Of the object's outline, None where it is unknown.
        wrong: What the reader found wrong with it, None for nothing.
        outline: Of the object, where outlines are read.
    """

    class_name: str
    xyxy: tuple[float, float, float, float]
    crowd: bool = False
    difficult: bool = False
    area: float | None = None
    wrong: str | None = None
    outline: Any = None


@dataclass
class _ImageEntry:
    """An image and those of its boxes that are right, before classes have numbers."""

    name: str
    size_px: tuple[int, int]
    boxes: list[RawBox]


@dataclass
class Reading:
    """Gathers what readers find, and skips or refuses what is broken.

    Attributes:
        broken: "skip" logs what is wrong and leaves it out; "raise" raises ValueError.
        class_names: The classes that may occur, None for all that do.
        source: The file, list or folder that is read, for messages.
        max_pixels: The largest number of pixels of an image.
        one: Where a box ends whose annotation says 1, in pixels.
    """

    broken: str
    class_names: Sequence[str] | None
    source: Path
    max_pixels: int = MAX_PIXELS
    one: float = 1.0
    _entries: dict[Path, _ImageEntry] = field(default_factory=dict)
    _ends: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._problems = Problems(self.broken)
        names = self.class_names
        if names is not None and len(set(names)) != len(names):
            raise ValueError(f"`class_names` must name each class once. Received: {list(names)}.")

    def problem(self, where: str, what: str) -> None:
        """Skips or refuses something, with its place and what is wrong with it."""
        self._problems.add(where, what)

    def add_image(
        self,
        folder: Path,
        name: str,
        where: str,
        boxes: Sequence[RawBox],
        annotated_size_px: tuple[int, int] | None = None,
    ) -> None:
        """Adds an image with those of its boxes that are right.

        An image that is added again gets the boxes that it does not have yet.

        Args:
            folder: Folder of the images.
            name: The image file, as a path below the folder.
            where: The place of the annotation, for messages.
            boxes: What the annotation says.
            annotated_size_px: (height, width) that the annotation says, which must be the file's.
                Of an image that EXIF turns it says whether the boxes are of the upright image or
                of the stored one; where it fits both or is None, they are of the upright one.
        """
        try:
            path = below(folder, name)
        except ValueError as error:
            return self.problem(where, f"its image {error}")
        try:
            header = read_header(path, None, self.max_pixels)
            str(path).encode()
        except UnicodeEncodeError:
            return self.problem(where, f"its image {name!a} has a name that is not UTF-8.")
        except FileNotFoundError:
            return self.problem(where, f"there is no image {path}.")
        except ValueError as error:
            return self.problem(where, str(error))
        boxed_size_px = _boxed_size_px(header, annotated_size_px)
        if boxed_size_px is None:
            return self.problem(where, _other_size(path, header, annotated_size_px))
        good = []
        for i, box in enumerate(boxes):
            wrong = self._wrong(box, *boxed_size_px)
            if wrong:
                self.problem(where, f"box {i} ({box.class_name}) {wrong}")
            elif box.outline is None:
                good.append(box)
            else:
                good.append(replace(box, outline=Outline(box.outline, header, boxed_size_px)))
        self._ends += [max(box.xyxy[2:]) for box in good]
        if boxed_size_px != header.size_px:
            good = [_upright(box, header) for box in good]
        entry = self._entries.setdefault(
            path, _ImageEntry(path.relative_to(folder).as_posix(), header.size_px, [])
        )
        known = {(box.class_name, box.xyxy) for box in entry.boxes}
        entry.boxes += [box for box in good if (box.class_name, box.xyxy) not in known]
        return None

    def annotations(self) -> Annotations:
        """Returns all that was right.

        Raises:
            ValueError: If nothing was, or if all boxes are shares of their images.
        """
        names = self.class_names
        if names is None:
            boxes = (box for entry in self._entries.values() for box in entry.boxes)
            names = sorted({box.class_name for box in boxes})
        skipped = self._problems.logged("annotations", "Annotations")
        if not self._entries:
            raise ValueError(
                f"No annotated image of {self.source} can be read."
                + (f" The first problem: {skipped[0]}" if skipped else "")
            )
        self._check_unit()
        labels = {name: label for label, name in enumerate(names)}
        images = tuple(_image(path, entry, labels) for path, entry in self._entries.items())
        return Annotations(images, tuple(names), skipped)

    def _check_unit(self) -> None:
        """Raises ValueError if no box reaches out of the first pixel of its image."""
        ends = self._ends
        if ends and max(ends) <= self.one + _ROUNDING:
            raise ValueError(
                f"The boxes of {self.source} must be in pixels. All {len(ends)} lie between 0 and "
                "1, as shares of an image do: multiply them by its width and height."
            )

    def _wrong(self, box: RawBox, height: int, width: int) -> str | None:
        if box.wrong:
            return box.wrong
        x_min, y_min, x_max, y_max = box.xyxy
        text = f"({x_min:g}, {y_min:g}, {x_max:g}, {y_max:g})"
        if not np.isfinite(box.xyxy).all():
            return f"has coordinates that are not numbers: {text}."
        if x_max <= x_min or y_max <= y_min:
            return f"has no area: {text}."
        inside = min(x_min, y_min) >= -_TOLERANCE_PX
        if not inside or x_max > width + _TOLERANCE_PX or y_max > height + _TOLERANCE_PX:
            return f"reaches out of the image of {width}x{height} pixels: {text}."
        if self.class_names is not None and box.class_name not in self.class_names:
            return f"is of a class that is not in {list(self.class_names)}."
        return None if box.outline is None else why_no_outline(box.outline, (height, width))


def _boxed_size_px(
    header: PhotographHeader, annotated_size_px: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Returns the size of the image that boxes are of, upright or stored; None for neither."""
    if annotated_size_px is None or annotated_size_px == header.size_px:
        return header.size_px
    return header.stored_size_px if annotated_size_px == header.stored_size_px else None


def _other_size(
    path: Path, header: PhotographHeader, annotated_size_px: tuple[int, int] | None
) -> str:
    sizes = dict.fromkeys((header.size_px, header.stored_size_px))
    actual = " or, before EXIF turns it, ".join(f"{width}x{height}" for height, width in sizes)
    height, width = annotated_size_px or (0, 0)
    return (
        f"the image {path.name} is {actual} pixels and not {width}x{height} as the annotation says."
    )


def _upright(box: RawBox, header: PhotographHeader) -> RawBox:
    x_min, y_min, x_max, y_max = header.upright_boxes(np.array([box.xyxy]))[0].tolist()
    return replace(box, xyxy=(x_min, y_min, x_max, y_max))


def _image(path: Path, entry: _ImageEntry, labels: dict[str, int]) -> AnnotatedImage:
    (height, width), boxes = entry.size_px, entry.boxes
    coordinates = np.asarray([box.xyxy for box in boxes], np.float32).reshape(-1, 4)
    coordinates = np.clip(coordinates, 0, [width, height, width, height]).astype(np.float32)
    sides = coordinates[:, 2:] - coordinates[:, :2]
    areas = [
        side.prod() if box.area is None else box.area
        for box, side in zip(boxes, sides, strict=True)
    ]
    return AnnotatedImage(
        path=path,
        size_px=entry.size_px,
        boxes=coordinates,
        labels=np.asarray([labels[box.class_name] for box in boxes], np.int32),
        crowd=np.asarray([box.crowd for box in boxes], bool),
        difficult=np.asarray([box.difficult for box in boxes], bool),
        areas=np.asarray(areas, np.float32),
        name=entry.name,
        outlines=tuple(box.outline for box in boxes if box.outline is not None),
    )
