"""Drawn scenes of coloured shapes with exact boxes and masks: detection without any download."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from keras_cv_course._validation import check_whole

CLASS_NAMES = ("circle", "square", "triangle", "cross")
# Sides of a shape as shares of the image's shorter side.
_SIDES = (0.12, 0.4)
# A shape may cover this much of the box of an earlier one, and all together leave this much of it.
_MOST_COVERED = 0.2
_LEAST_SEEN = 0.6
_TRIES = 30
# Drawn larger and shrunk, for smooth edges.
_OVERSAMPLING = 4
_NOISE = 6.0
# What differs less from the background can hardly be seen.
_LEAST_CONTRAST = 90.0


@dataclass(frozen=True, eq=False)
class DrawnScene:
    """An image and what is in it; it serves as a `metrics.detections.Truth`.

    Attributes:
        image: uint8 `(height, width, 3)`.
        boxes: float32 `(n, 4)` xyxy in pixels, tight around what can be seen of each shape.
        labels: int32 `(n,)`, index of `CLASS_NAMES`.
        masks: bool `(n, height, width)`: the pixels of which each shape covers at least half.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray

    @property
    def class_mask(self) -> np.ndarray:
        """Class of each pixel, uint8 `(height, width)`: 0 for the background, else label + 1."""
        mask = np.zeros(self.image.shape[:2], np.uint8)
        for shape, label in zip(self.masks, self.labels, strict=True):
            mask[shape] = label + 1
        return mask

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each shape, float32 `(n,)`."""
        return self.masks.sum((1, 2)).astype(np.float32)

    @property
    def crowd(self) -> np.ndarray:
        """False for all; one box holds one shape."""
        return np.zeros(len(self.labels), bool)

    @property
    def difficult(self) -> np.ndarray:
        """False for all."""
        return np.zeros(len(self.labels), bool)


@dataclass(frozen=True)
class DrawnScenes:
    """Drawn scenes, each the same whenever it is read.

    Attributes:
        count: Number of scenes.
        size_px: (height, width) of the images.
        most_shapes: Largest number of shapes in an image; the smallest is 0, in one of twenty.
        seed: Decides the scenes. Scenes of different seeds have nothing in common.
    """

    count: int
    size_px: tuple[int, int] = (128, 128)
    most_shapes: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("count", self.count)
        check_whole("most_shapes", self.most_shapes)
        if len(self.size_px) != 2 or min(self.size_px) < 32:
            raise ValueError(
                "`size_px` must be a height and a width of at least 32 pixels, to show shapes. "
                f"Received: {self.size_px!r}."
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return CLASS_NAMES

    @property
    def files(self) -> tuple[str, ...]:
        """None: scenes are drawn. See `Annotations.files`."""
        return ()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DrawnScene:
        if not 0 <= index < self.count:
            raise IndexError(f"There is no scene {index} of {self.count}.")
        rng = np.random.default_rng((self.seed, index))
        return _draw(rng, self.size_px, self.most_shapes)

    def samples(self) -> Iterator[tuple[np.ndarray, DrawnScene]]:
        """Yields each image and what is in it, as `Annotations.samples` does."""
        for index in range(self.count):
            scene = self[index]
            yield scene.image, scene


@dataclass(frozen=True)
class DrawnMasks:
    """Drawn scenes with the class of each pixel.

    Attributes:
        scenes: The scenes.
    """

    scenes: DrawnScenes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label, the background first."""
        return ("background", *CLASS_NAMES)

    @property
    def files(self) -> tuple[str, ...]:
        """None: scenes are drawn."""
        return ()

    @property
    def skipped(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        scene = self.scenes[index]
        return scene.image, scene.class_mask

    def samples(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields each image, uint8 `(height, width, 3)`, and its mask, uint8 `(height, width)`."""
        return map(self.__getitem__, range(len(self)))


def _draw(rng: np.random.Generator, size_px: tuple[int, int], most: int) -> DrawnScene:
    height, width = size_px
    canvas, ground = _background(rng, height, width)
    count = 0 if rng.uniform() < 0.05 else int(rng.integers(1, most + 1))
    masks: list[np.ndarray] = []
    labels: list[int] = []
    drawn: list[int] = []  # pixels of each shape when nothing hid it
    boxes = np.zeros((0, 4))
    for _ in range(count):
        label = int(rng.integers(len(CLASS_NAMES)))
        outline = _place(rng, CLASS_NAMES[label], size_px, boxes)
        if outline is None:
            continue
        cover = _cover(outline, height, width)
        mask = cover >= 0.5
        seen = [earlier & ~mask for earlier in masks]
        if any(x.sum() < _LEAST_SEEN * n for x, n in zip(seen, drawn, strict=True)):
            continue
        colour = _colour(rng, ground)
        canvas = canvas * (1 - cover[..., None]) + colour * cover[..., None]
        masks = [*seen, mask]
        labels.append(label)
        drawn.append(int(mask.sum()))
        boxes = np.concatenate([boxes, _tight(mask)[None]])
    stack = np.array(masks, bool).reshape(-1, height, width)
    image = np.clip(canvas + rng.normal(0, _NOISE, canvas.shape), 0, 255)
    return DrawnScene(
        image=image.round().astype(np.uint8),
        boxes=np.array([_tight(mask) for mask in stack], np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int32),
        masks=stack,
    )


def _background(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a gradient from one colour to another, and their middle."""
    ends = rng.uniform(40, 215, 3) + rng.uniform(-25, 25, (2, 3))
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:height, 0:width] / max(height, width) - 0.5
    share = (0.5 + (x * math.cos(angle) + y * math.sin(angle)) / math.sqrt(2))[..., None]
    return ends[0] * (1 - share) + ends[1] * share, ends.mean(0)


def _colour(rng: np.random.Generator, ground: np.ndarray) -> np.ndarray:
    while True:
        colour = rng.uniform(0, 255, 3)
        if np.abs(colour - ground).max() >= _LEAST_CONTRAST:
            return colour


def _place(
    rng: np.random.Generator, name: str, size_px: tuple[int, int], boxes: np.ndarray
) -> np.ndarray | None:
    """Returns the corners of a shape that hides little of the earlier ones, None if none fits."""
    height, width = size_px
    for _ in range(_TRIES):
        side = rng.uniform(*_SIDES) * min(size_px)
        outline = _outline(name) * side / 2
        turn = rng.uniform(0, 2 * math.pi)
        rotation = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        outline = outline @ np.array(rotation)
        low, high = outline.min(0), outline.max(0)
        middle = [rng.uniform(-low[i] + 1, (width, height)[i] - high[i] - 1) for i in (0, 1)]
        outline = outline + middle
        low, high = outline.min(0), outline.max(0)
        shared = np.minimum(boxes[:, 2:], high) - np.maximum(boxes[:, :2], low)
        shared_area = np.maximum(shared, 0).prod(1)
        if (shared_area <= _MOST_COVERED * (boxes[:, 2:] - boxes[:, :2]).prod(1)).all():
            return outline
    return None


def _outline(name: str) -> np.ndarray:
    """Returns the corners of a shape of radius 1 around 0."""
    if name == "cross":
        arm = 0.35
        quarter = np.array([[1, -arm], [1, arm], [arm, arm]])
        turns = [[[0, 1], [-1, 0]], [[-1, 0], [0, -1]], [[0, -1], [1, 0]]]
        parts = [quarter] + [quarter @ np.array(turn) for turn in turns]
        return np.concatenate(parts)
    corners = {"circle": 48, "square": 4, "triangle": 3}[name]
    angles = np.arange(corners) * 2 * math.pi / corners
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _cover(outline: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns how much of each pixel lies inside of the corners, float `(height, width)`."""
    # Only around the shape: the rest of a large canvas would take most of the time.
    low = np.floor(outline.min(0)).astype(int)
    columns, rows = np.ceil(outline.max(0)).astype(int) + 1 - low
    large = Image.new("L", (columns * _OVERSAMPLING, rows * _OVERSAMPLING))
    points = [tuple(point) for point in (outline - low) * _OVERSAMPLING]
    ImageDraw.Draw(large).polygon(points, fill=255)
    blocks = np.asarray(large, float).reshape(rows, _OVERSAMPLING, columns, _OVERSAMPLING)
    cover = np.zeros((height, width))
    cover[low[1] : low[1] + rows, low[0] : low[0] + columns] = blocks.mean((1, 3)) / 255
    return cover


def _tight(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
