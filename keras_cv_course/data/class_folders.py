"""Which files of class folders are in which split: as listed, drawn, or recorded by a run."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_cv_course.data.input_files import below
from keras_cv_course.data.photograph_header import readable_name
from keras_cv_course.data.photographs import SUFFIXES, readable

_LOG = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")
_MOST_NAMED = 5


@dataclass(frozen=True)
class Split:
    """Image files that can be decoded, with the numbers of their classes.

    Attributes:
        paths: The files, in the order in which they are numbered.
        labels: Their classes, int32 `(n,)`.
        class_names: Names of the classes, by label.
        skipped: Files that cannot be decoded or are of another kind.
    """

    paths: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Splits:
    """All splits of a folder.

    Attributes:
        splits: "train", "val" and, where there is one, "test".
        unlisted: Files that a recorded split does not name.
    """

    splits: Mapping[str, Split]
    unlisted: tuple[str, ...] = field(default=())


def read_splits(
    root: Path,
    channels: int,
    validation_split: float,
    seed: int,
    files: Mapping[str, Sequence[str]] | None,
    max_pixels: int,
) -> Splits:
    """Returns the splits of a folder: its own, drawn ones, or recorded ones; see `image_folder`."""
    present = [name for name in SPLITS if (root / name).is_dir()]
    if files is not None:
        return _recorded(root, bool(present), files, channels, max_pixels)
    if not present:
        return Splits(_held_out(root, channels, validation_split, seed, max_pixels))
    if not {"train", "val"} <= set(present):
        raise ValueError(
            f"{root} must hold both `train` and `val`, or class folders only. It holds {present}."
        )
    train = read_classes(root / "train", channels, None, max_pixels)
    others = [name for name in present if name != "train"]
    names = train.class_names
    held_out = {name: read_classes(root / name, channels, names, max_pixels) for name in others}
    return Splits({"train": train, **held_out})


def read_classes(
    folder: Path, channels: int, class_names: Sequence[str] | None, max_pixels: int
) -> Split:
    """Returns all images of a folder of class folders, by class and name.

    Args:
        folder: The folder.
        channels: 1 for grey, 3 for colour.
        class_names: The class folders that there must be, in the order of labels. None takes those
            that there are.
        max_pixels: The largest number of pixels of an image.

    Raises:
        ValueError: If there are fewer than two class folders, others than `class_names`, or one
            without an image that can be decoded.
    """
    folders = class_folders(folder)
    if class_names is not None and set(class_names) != set(folders):
        missing = sorted(set(class_names) - set(folders))
        unknown = sorted(set(folders) - set(class_names))
        raise ValueError(
            f"The class folders of {folder} must be the model's classes. "
            f"Missing: {missing}. Unknown: {unknown}."
        )
    names = tuple(class_names or folders)
    paths, others = list_files(folder, names)
    split = _decodable(folder, paths, names, channels, max_pixels, others)
    _check_classes(folder, names, [split], paths)
    return split


def class_folders(folder: Path) -> tuple[str, ...]:
    """Returns the sorted names of the folders in a folder; raises ValueError if fewer than two."""
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise ValueError(
            f"{folder} must hold a sub-folder of images for each of at least two classes. "
            f"It holds {names}."
        )
    for name in names:
        if not _is_utf8(name):
            raise ValueError(
                f"{readable_name(folder / name)} has a name that is not UTF-8. Rename it."
            )
    return tuple(names)


def list_files(folder: Path, class_names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the paths of the images in class folders, by class and name, and of other files.

    Links to files and to class folders are followed, those to folders below are not. Hidden files
    of other kinds are left out.
    """
    images, others = [], []
    for name in class_names:
        for place, _, files in sorted(os.walk(folder / name)):
            for file in sorted(files):
                if file.lower().endswith(SUFFIXES):
                    images.append(str(Path(place, file)))
                elif not file.startswith("."):
                    others.append(str(Path(place, file)))
    return images, others


def draw_split(
    paths: Sequence[str], validation_split: float, seed: int
) -> tuple[list[str], list[str]]:
    """Returns the files to learn from and those held out.

    It is the split that `keras.utils.image_dataset_from_directory` draws.

    Args:
        paths: All files.
        validation_split: Share that is held out.
        seed: Decides which.
    """
    order = list(paths)
    np.random.RandomState(seed).shuffle(order)
    first = len(order) - int(validation_split * len(order))
    return order[:first], order[first:]


def relative_names(root: Path, split: Split) -> tuple[str, ...]:
    """Returns the files of a split as paths relative to a folder, with `/`, in their order."""
    return tuple(Path(path).relative_to(root).as_posix() for path in split.paths)


def _held_out(
    root: Path, channels: int, validation_split: float, seed: int, max_pixels: int
) -> dict[str, Split]:
    if not 0 < validation_split < 1:
        raise ValueError(
            f"`validation_split` must be above 0 and below 1. Received: {validation_split!r}."
        )
    names = class_folders(root)
    paths, others = list_files(root, names)
    _check_classes(root, names, None, paths)
    if int(len(paths) * validation_split) < 1:
        raise ValueError(
            f"`validation_split` must hold out at least one image of the {len(paths)} in {root}. "
            f"Received: {validation_split!r}."
        )
    train, val = draw_split(paths, validation_split, seed)
    splits = {
        "train": _decodable(root, train, names, channels, max_pixels, others),
        "val": _decodable(root, val, names, channels, max_pixels),
    }
    _check_classes(root, names, list(splits.values()), paths)
    for name, split in splits.items():
        if not split.paths:
            raise ValueError(f"No image of {root} that falls into {name!r} can be decoded.")
    return splits


def _recorded(
    root: Path,
    separate: bool,
    files: Mapping[str, Sequence[str]],
    channels: int,
    max_pixels: int,
) -> Splits:
    """Returns the splits that name exactly these files."""
    _check_recorded(files)
    paths: dict[str, list[str]] = {}
    for name in (name for name in SPLITS if name in files):
        base = root / name if separate else root
        paths[name] = [_recorded_path(root, base, name, file) for file in files[name]]
    missing = [path for named in paths.values() for path in named if not Path(path).is_file()]
    if missing:
        raise ValueError(
            f"{root} must hold the images that `files` records. {len(missing)} are missing, "
            f"first {missing[0]}. Put them back, or start a new run; in Python, leave out `files`."
        )
    bases = {name: root / name if separate else root for name in paths}
    # A class that has come since holds no recorded image, and so does not move the labels.
    names = tuple(sorted({_class_of(bases[name], p) for name in paths for p in paths[name]}))
    splits = {}
    for name, named in paths.items():
        split = _decodable(bases[name], named, names, channels, max_pixels)
        if split.skipped:
            raise ValueError(
                f"{split.skipped[0]} is an image that `files` records, and cannot be decoded. "
                "Restore it, or start a new run; in Python, leave out `files`."
            )
        splits[name] = split
    known = {path for named in paths.values() for path in named}
    folders = [root / name for name in SPLITS if (root / name).is_dir()] if separate else [root]
    new = [
        path
        for folder in folders
        for path in list_files(folder, class_folders(folder))[0]
        if path not in known
    ]
    unlisted = tuple(readable(new, channels, max_pixels=max_pixels)) if new else ()
    if unlisted:
        _LOG.warning(
            "Left out %d images of %s that were added since the split was recorded, first %s",
            len(unlisted),
            root,
            ", ".join(unlisted[:_MOST_NAMED]),
        )
    return Splits(splits, unlisted)


def _check_recorded(files: Mapping[str, Sequence[str]]) -> None:
    if not isinstance(files, Mapping) or not {"train", "val"} <= set(files) <= set(SPLITS):
        raise ValueError(
            "`files` must name the files of 'train' and 'val' (and 'test'), as "
            f"`ImageDataset.split_files` does. Received: {type(files).__name__} of "
            f"{list(files)[:_MOST_NAMED]}."
        )
    named = [name for names in files.values() for name in names]
    if not all(files.values()) or not all(isinstance(name, str) for name in named):
        raise ValueError("`files` must name at least one file in each split, each as text.")
    if len(set(named)) != len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ValueError(f"`files` must name each file once. Received twice: {twice!r}.")


def _recorded_path(root: Path, base: Path, split: str, name: str) -> str:
    path = below(root, name)
    if not path.is_relative_to(base) or len(path.relative_to(base).parts) < 2:
        raise ValueError(
            f"`files` must name images of {split!r} in class folders of {base}. Received: {name!r}."
        )
    return str(path)


def _decodable(
    folder: Path,
    paths: Sequence[str],
    class_names: tuple[str, ...],
    channels: int,
    max_pixels: int,
    others: Sequence[str] = (),
) -> Split:
    good = readable(paths, channels, max_pixels=max_pixels)
    labels = [class_names.index(_class_of(folder, path)) for path in good]
    skipped = sorted([*(set(paths) - set(good)), *others])
    return Split(
        tuple(good), np.array(labels, np.int32), class_names, tuple(map(readable_name, skipped))
    )


def _check_classes(
    folder: Path, class_names: Sequence[str], splits: Sequence[Split] | None, paths: Sequence[str]
) -> None:
    """Raises ValueError if a class has no file, or none that can be decoded.

    Args:
        folder: The folder of the class folders.
        class_names: Their names.
        splits: What can be decoded; None looks at the files alone.
        paths: All image files.
    """
    listed = {_class_of(folder, path) for path in paths}
    have = listed
    if splits is not None:
        have = {split.class_names[label] for split in splits for label in split.labels}
    empty = [name for name in class_names if name not in have]
    if empty:
        what = "can be decoded" if listed.intersection(empty) else "is there"
        raise ValueError(
            f"Each class folder of {folder} must hold an image ({', '.join(SUFFIXES)}). None "
            f"{what} in {', '.join(map(repr, empty[:_MOST_NAMED]))}"
            + (f" and {len(empty) - _MOST_NAMED} more." if len(empty) > _MOST_NAMED else ".")
        )


def _class_of(folder: Path, path: str) -> str:
    return Path(path).relative_to(folder).parts[0]


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
