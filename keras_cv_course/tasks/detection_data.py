"""Opens annotated images: drawn scenes, or folders in the layouts of VOC, COCO and CSV."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cv_course._validation import check_choice
from keras_cv_course.data import (
    Annotations,
    DrawnScenes,
    Epochs,
    coco_annotations,
    detection_batches,
    detection_epochs,
    table_annotations,
    voc_annotations,
)
from keras_cv_course.data.dataset import rescale
from keras_cv_course.data.input_files import existing_folder
from keras_cv_course.tasks.args import RunArgs
from keras_cv_course.tasks.detection_args import SHAPES

SPLITS = ("train", "val")
Boxes = Annotations | DrawnScenes

_SCENES = {"train": 4000, "val": 100}
_TABLES: dict[str, Callable[..., Annotations]] = {
    "annotations/instances_{split}.json": coco_annotations,
    "{split}.json": coco_annotations,
    "{split}.csv": table_annotations,
}
_IMAGES = ("images", "{split}")
_LAYOUTS = (
    "Pascal VOC (`Annotations`, `JPEGImages` and `ImageSets/Main/{split}.txt`), COCO "
    "(`annotations/instances_{split}.json` or `{split}.json`) or CSV (`{split}.csv`), the latter "
    "two with images in `images` or `{split}`"
)


def open_boxes(
    source: str,
    split: str,
    size_px: tuple[int, int],
    class_names: tuple[str, ...] | None = None,
) -> Boxes:
    """Returns annotated images.

    Args:
        source: "shapes" for drawn scenes, or a folder: in the layout of Pascal VOC (`Annotations`,
            `JPEGImages` and `ImageSets/Main/<split>.txt`), or with a file in COCO's format
            (`annotations/instances_<split>.json` or `<split>.json`) or `<split>.csv`, and the
            images in `images` or `<split>`.
        split: "train" or "val".
        size_px: (height, width) of drawn scenes.
        class_names: The classes, in the order of labels. None takes those that there are.

    Raises:
        FileNotFoundError: If there is no such folder, or nothing of that kind in it.
        ValueError: If no box of a class can be read, or drawn scenes have no such split.
    """
    if source == SHAPES:
        check_choice("split", split, SPLITS)
        return DrawnScenes(_SCENES[split], size_px, seed=SPLITS.index(split))
    folder = existing_folder(source)
    annotations = _read(folder, split, class_names)
    if not any((~image.crowd & ~image.difficult).any() for image in annotations.images):
        classes = "" if class_names is None else f" of the classes {list(class_names)}"
        problem = f" The first problem: {annotations.skipped[0]}" if annotations.skipped else ""
        raise ValueError(
            f"{folder} has no box to find{classes} in the {len(annotations.images)} images of its "
            f"{split}.{problem}"
        )
    return annotations


def holds_boxes(folder: Path) -> bool:
    """Returns whether a folder is laid out as annotated images, and not as class folders."""
    tables = [folder / name.format(split=split) for name in _TABLES for split in SPLITS]
    return (folder / "ImageSets").is_dir() or any(table.is_file() for table in tables)


def _read(folder: Path, split: str, class_names: tuple[str, ...] | None) -> Annotations:
    if (folder / "ImageSets").is_dir():
        return voc_annotations(folder, split, class_names)
    for name, read in _TABLES.items():
        file = folder / name.format(split=split)
        if file.is_file():
            return read(file, _images(folder, split), class_names)
    raise FileNotFoundError(
        f'{folder} must be "{SHAPES}", or a folder in the layout of '
        f"{_LAYOUTS.format(split=split)}. It is in none."
    )


def _images(folder: Path, split: str) -> Path:
    names = [name.format(split=split) for name in _IMAGES]
    path = next((folder / name for name in names if (folder / name).is_dir()), None)
    if path is None:
        raise FileNotFoundError(f"{folder} must hold its images in {' or '.join(names)}.")
    return path


def open_annotated(args: RunArgs, read: Callable[..., Boxes] = open_boxes) -> "DetectionData":
    """Returns the data of a run: both splits, of which the first has the classes.

    Args:
        args: Of the run.
        read: Reads a split as `open_boxes` does.
    """
    size = args.input_shape[:2]
    train = read(args.source, "train", size)
    val = read(args.source, "val", size, tuple(train.class_names))
    epochs = detection_epochs(train, args.input_shape, args.batch, seed=args.recipe.seed)
    return DetectionData(train, val, epochs)


def typical_images(
    boxes: Boxes,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    count: int,
) -> np.ndarray:
    """Returns the first annotated images as a detector takes them.

    Args:
        boxes: The images.
        input_shape: (height, width, channels) of its input.
        input_range: Smallest and largest value that it takes.
        count: The most images to return.
    """
    images, _ = next(iter(detection_batches(boxes, input_shape, count).as_numpy_iterator()))
    return rescale(input_range)(images).numpy()


@dataclass(frozen=True)
class DetectionData:
    """What a run learns from, as boxes and as batches, and what it is measured on.

    Attributes:
        train: Annotated images to learn from.
        val: Those that are held out.
        epochs: Batches of `train`.
    """

    train: Boxes
    val: Boxes
    epochs: Epochs

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, by label."""
        return tuple(self.train.class_names)

    @property
    def skipped(self) -> tuple[str, ...]:
        """What was left out of the annotations."""
        parts = (getattr(part, "skipped", ()) for part in (self.train, self.val))
        return tuple(itertools.chain(*parts))

    @property
    def split_files(self) -> dict[str, tuple[str, ...]]:
        """Names of the files of each split; none of drawn scenes."""
        parts = {"train": self.train, "val": self.val}
        return {name: part.files for name, part in parts.items() if isinstance(part, Annotations)}
