"""Opens images with masks: drawn scenes, or folders in one of several layouts."""

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cv_course._validation import check_choice
from keras_cv_course.data import (
    DrawnMasks,
    DrawnScenes,
    Epochs,
    SegmentationImages,
    coco_masks,
    folder_masks,
    voc_masks,
)
from keras_cv_course.data.input_files import existing_folder
from keras_cv_course.data.masks import CLASSES_FILE, Classes, read_classes
from keras_cv_course.data.segmentation import Masks
from keras_cv_course.tasks.detection_args import SHAPES

SPLITS = ("train", "val")
_SCENES = {"train": 1500, "val": 100}
_TABLES = ("annotations/instances_{split}.json", "{split}.json")
_IMAGES = ("images", "{split}")
# Folders of images and masks; the last pair has no split of its own, and one is drawn.
_PAIRS = (("images/{split}", "masks/{split}"), ("{split}", "{split}annot"), ("images", "masks"))
_HELD_OUT = 0.2  # of images without a split
_LAYOUTS = (
    "Pascal VOC (`SegmentationClass`, `JPEGImages` and `ImageSets/Segmentation/{split}.txt`), COCO "
    "(`annotations/instances_{split}.json` or `{split}.json`), `images/{split}` and "
    "`masks/{split}`, `{split}` and `{split}annot`, or `images` and `masks`"
)


def open_masks(
    source: str,
    split: str,
    size_px: tuple[int, int],
    ignore_value: int | None,
    class_names: tuple[str, ...] | None = None,
    seed: int = 0,
) -> Masks:
    """Returns images with masks.

    Args:
        source: "shapes" for drawn scenes, or a folder in one of the layouts that the message of a
            wrong one names. The lines of `classes.txt` in it name the classes. Of images without
            splits a fifth is held out.
        split: "train" or "val", or another that the folder has.
        size_px: (height, width) of drawn scenes.
        ignore_value: Value in mask files of pixels that have no class; None if all have one.
        class_names: The classes, in the order of labels. None takes those that there are.
        seed: Decides which images are held out.

    Raises:
        FileNotFoundError: If there is no such folder, or nothing of that kind in it.
        ValueError: If no image can be read, or drawn scenes have no such split.
    """
    if source == SHAPES:
        check_choice("split", split, SPLITS)
        return DrawnMasks(DrawnScenes(_SCENES[split], size_px, seed=SPLITS.index(split)))
    folder = existing_folder(source)
    classes = _classes(folder, class_names, ignore_value)
    read = _read(folder, split, classes, ignore_value, seed)
    if read is None:
        raise FileNotFoundError(
            f'{folder} must be "{SHAPES}", or a folder in the layout of '
            f"{_LAYOUTS.format(split=split)}. It is in none."
        )
    return read


def _read(
    folder: Path, split: str, classes: Classes | None, ignore_value: int | None, seed: int
) -> SegmentationImages | None:
    names, values = (None, None) if classes is None else (classes.names, classes.values)
    if (folder / "SegmentationClass").is_dir():
        # It reads the values in `classes.txt` itself.
        return voc_masks(folder, split, None if values else names, ignore_value)
    for name in _TABLES:
        table = folder / name.format(split=split)
        if table.is_file():
            images = _existing(folder, [part.format(split=split) for part in _IMAGES])
            return coco_masks(table, images, names)
    for pair in _PAIRS:
        images, masks = (folder / name.format(split=split) for name in pair)
        if images.is_dir() and masks.is_dir():
            source = folder_masks(images, masks, names, values, ignore_value)
            return source if "{split}" in pair[0] else _part(source, split, seed)
    return None


def _existing(folder: Path, names: list[str]) -> Path:
    path = next((folder / name for name in names if (folder / name).is_dir()), None)
    if path is None:
        raise FileNotFoundError(f"{folder} must hold its images in {' or '.join(names)}.")
    return path


def _part(source: SegmentationImages, split: str, seed: int) -> SegmentationImages:
    """Returns the part of images without splits that is one."""
    check_choice("split", split, SPLITS)
    order = np.random.default_rng(seed).permutation(len(source))
    held_out = max(round(len(source) * _HELD_OUT), 1)
    chosen = order[:held_out] if split == "val" else order[held_out:]
    if not len(chosen):
        raise ValueError("Two images or more are needed, one of which is held out. Received: 1.")
    images = tuple(source.images[i] for i in sorted(chosen.tolist()))
    return dataclasses.replace(source, images=images)


def _classes(
    folder: Path, class_names: tuple[str, ...] | None, ignore_value: int | None
) -> Classes | None:
    file = folder / CLASSES_FILE
    if not file.is_file():
        return None if class_names is None else Classes(class_names, None, ignore_value)
    classes = read_classes(file, ignore_value)
    if class_names is not None and classes.names != class_names:
        raise ValueError(
            f"{file} must name the classes of the model, {list(class_names)}. Received: "
            f"{list(classes.names)}."
        )
    return classes


@dataclass(frozen=True)
class SegmentationData:
    """What a run learns from, as images with masks and as batches, and what it is measured on.

    Attributes:
        train: Images to learn from.
        val: Those that are held out.
        epochs: Batches of `train`.
        held_out: Batches of `val`.
    """

    train: Masks
    val: Masks
    epochs: Epochs
    held_out: Epochs

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, by label."""
        return tuple(self.train.class_names)

    @property
    def skipped(self) -> tuple[str, ...]:
        """What was left out."""
        return tuple(itertools.chain(self.train.skipped, self.val.skipped))

    @property
    def split_files(self) -> dict[str, tuple[str, ...]]:
        """Names of the files of each split; none of drawn scenes."""
        parts = {"train": self.train, "val": self.val}
        return {name: part.files for name, part in parts.items() if part.files}
