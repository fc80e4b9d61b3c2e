"""Folders of pictures, one sub-folder for each class."""

import contextlib
import io
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course.data.dataset import ImageDataset, check_input, rescale

_LOG = logging.getLogger(__name__)
_COLOR_MODES = {1: "grayscale", 3: "rgb"}
_FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_SPLITS = ("train", "val", "test")


def image_folder(
    folder: str | os.PathLike[str],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int = 32,
    validation_split: float = 0.2,
    seed: int = 0,
) -> ImageDataset:
    """Returns the pictures of a folder that holds one sub-folder for each class.

    The folder holds the class folders, of whose pictures `validation_split` are held out; or
    `train` and `val` (and `test`), each with the same class folders. Pictures are cropped to the
    aspect ratio of `input_shape` around their centre and resized bilinearly. A file that
    TensorFlow cannot decode is logged and left out.

    Args:
        folder: The folder. JPEG, PNG, GIF (the first frame) and BMP files are read.
        input_shape: (height, width, channels) of the model's input; 1 or 3 channels.
        input_range: Smallest and largest value that the model takes, e.g. (-1.0, 1.0).
        batch_size: Pictures in a batch.
        validation_split: Share that is held out, above 0 and below 1. Not used where the folder
            has `train` and `val`.
        seed: Decides which pictures are held out, and the order of training.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no picture or fewer than two classes, if `train` and `val` hold
            different classes, or if another argument is out of its range.

    Example:
        >>> data = image_folder("flowers", (224, 224, 3), (-1.0, 1.0))
        >>> model.fit(data.train, validation_data=data.val)
    """
    check_input(input_shape, input_range, batch_size)
    root = existing_folder(folder)
    present = [name for name in _SPLITS if (root / name).is_dir()]
    if present:
        splits = _read_splits(root, present, input_shape, seed)
    else:
        splits = _hold_out(root, input_shape, validation_split, seed)
    to_range = rescale(input_range)
    batches = {
        name: split.pictures.batch(batch_size)
        .map(lambda images, labels: (to_range(images), labels))
        .prefetch(tf.data.AUTOTUNE)
        for name, split in splits.items()
    }
    return ImageDataset(
        train=batches["train"],
        val=batches["val"],
        test=batches.get("test"),
        class_names=splits["train"].class_names,
        input_shape=input_shape,
        input_range=input_range,
        skipped=tuple(path for split in splits.values() for path in split.skipped),
    )


def labelled_folder(
    folder: str | os.PathLike[str],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    class_names: Sequence[str],
    batch_size: int = 32,
) -> tuple[tf.data.Dataset, tuple[str, ...]]:
    """Returns all pictures of a folder of class folders in batches, and the files left out.

    Args:
        folder: Holds one sub-folder for each class, read as `image_folder` does.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        class_names: Names of the sub-folders in the order of the model's classes.
        batch_size: Pictures in a batch.

    Returns:
        Batches of `(images, labels)`, in the order of class and file name, and the paths of the
        files that cannot be decoded.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If its sub-folders are not `class_names`, or it holds no picture.
    """
    check_input(input_shape, input_range, batch_size)
    split = _read(existing_folder(folder), input_shape, tuple(class_names))
    to_range = rescale(input_range)
    batches = split.pictures.batch(batch_size).map(lambda x, y: (to_range(x), y))
    return batches.prefetch(tf.data.AUTOTUNE), split.skipped


def load_pictures(
    paths: Sequence[str | os.PathLike[str]],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
) -> np.ndarray:
    """Returns pictures as a model takes them, cropped and resized as in training.

    Args:
        paths: JPEG, PNG, GIF or BMP files.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.

    Returns:
        float32 `(n, height, width, channels)` in `input_range`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file cannot be decoded.
    """
    check_input(input_shape, input_range)
    to_range = rescale(input_range)
    pictures = np.zeros((len(paths), *input_shape), np.float32)
    for i, path in enumerate(paths):
        if not Path(path).is_file():
            raise FileNotFoundError(f"There is no picture {path}.")
        try:
            picture = decode_picture(tf.constant(os.fspath(path)), input_shape[2])
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"{path} cannot be decoded. Give a whole JPEG, PNG, GIF or BMP file."
            ) from error
        resized = keras.preprocessing.image.smart_resize(picture, input_shape[:2])
        pictures[i] = to_range(resized)
    return pictures


def existing_folder(folder: str | os.PathLike[str]) -> Path:
    """Returns the path of a folder; raises FileNotFoundError where there is none."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {path}.")
    return path


def decode_picture(path: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns the (first) picture of a file, uint8 `(height, width, channels)`.

    Args:
        path: Scalar string.
        channels: 1 for grey, 3 for colour.

    Raises:
        tf.errors.InvalidArgumentError: If the file cannot be decoded.
    """
    content = tf.io.read_file(path)
    return tf.image.decode_image(content, channels=channels, expand_animations=False)


def picture_files(folder: Path) -> list[str]:
    """Returns the paths of all picture files below a folder, sorted; none is opened."""
    return [str(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() in _FORMATS]


def decodable(paths: Sequence[str], channels: int, limit: int | None = None) -> list[str]:
    """Returns those of `paths` that TensorFlow can decode, and logs the others.

    Args:
        paths: Picture files.
        channels: 1 for grey, 3 for colour.
        limit: Look no further once so many are found. None looks at all.
    """

    def probe(row: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The size is asked for so that the decoding is not optimized away.
        return row, tf.size(decode_picture(path, channels))

    rows = tf.data.Dataset.from_tensor_slices(list(paths)).enumerate()
    probed = rows.map(probe, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    good = [int(row) for row, _ in probed.take(-1 if limit is None else limit).as_numpy_iterator()]
    seen = len(paths) if limit is None or len(good) < limit else good[-1] + 1
    skipped = [paths[row] for row in sorted(set(range(seen)) - set(good))]
    if skipped:
        _LOG.warning(
            "Skipped %d of %d pictures that cannot be decoded: %s",
            len(skipped),
            seen,
            ", ".join(skipped),
        )
    return [paths[row] for row in good]


@dataclass(frozen=True)
class _Split:
    pictures: tf.data.Dataset
    class_names: tuple[str, ...]
    skipped: tuple[str, ...]


def _read_splits(
    root: Path, present: Sequence[str], input_shape: tuple[int, int, int], seed: int
) -> dict[str, _Split]:
    if not {"train", "val"} <= set(present):
        raise ValueError(
            f"{root} must hold both `train` and `val`, or class folders only. It holds {present}."
        )
    train = _read(root / "train", input_shape, shuffle=True, seed=seed)
    others = [name for name in present if name != "train"]
    held_out = {name: _read(root / name, input_shape, train.class_names) for name in others}
    return {"train": train, **held_out}


def _hold_out(
    root: Path, input_shape: tuple[int, int, int], validation_split: float, seed: int
) -> dict[str, _Split]:
    if not 0 < validation_split < 1:
        raise ValueError(
            f"`validation_split` must be above 0 and below 1. Received: {validation_split!r}."
        )
    _class_folders(root)  # Refuses a folder of fewer than two.
    count = len(picture_files(root))
    if int(count * validation_split) < 1:
        raise ValueError(
            f"`validation_split` must hold out at least one picture of the {count} in {root}. "
            f"Received: {validation_split!r}."
        )
    options = {"validation_split": validation_split, "subset": "both", "shuffle": True}
    both = _from_directory(root, input_shape, seed=seed, **options)
    train, val = (_without_corrupt(pictures, root, input_shape[2]) for pictures in both)
    return {"train": train, "val": val}


def _read(
    folder: Path,
    input_shape: tuple[int, int, int],
    class_names: tuple[str, ...] | None = None,
    **options: Any,
) -> _Split:
    found = _class_folders(folder)
    if class_names is not None and set(class_names) != set(found):
        missing = sorted(set(class_names) - set(found))
        unknown = sorted(set(found) - set(class_names))
        raise ValueError(
            f"The class folders of {folder} must be the model's classes. "
            f"Missing: {missing}. Unknown: {unknown}."
        )
    if not picture_files(folder):
        raise ValueError(f"{folder} must hold pictures in its class folders. It holds none.")
    options = {"shuffle": False, **options}
    pictures = _from_directory(folder, input_shape, class_names=class_names, **options)
    return _without_corrupt(pictures, folder, input_shape[2])


def _from_directory(folder: Path, input_shape: tuple[int, int, int], **options: Any) -> Any:
    # Keras prints the sizes of the splits, `verbose` or not.
    with contextlib.redirect_stdout(io.StringIO()):
        return keras.utils.image_dataset_from_directory(
            folder,
            batch_size=None,
            image_size=input_shape[:2],
            color_mode=_COLOR_MODES[input_shape[2]],
            crop_to_aspect_ratio=True,
            verbose=False,
            **options,
        )


def _class_folders(folder: Path) -> list[str]:
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise ValueError(
            f"{folder} must hold a sub-folder of pictures for each of at least two classes. "
            f"It holds {names}."
        )
    return names


def _without_corrupt(pictures: tf.data.Dataset, folder: Path, channels: int) -> _Split:
    paths = pictures.file_paths
    good = set(decodable(paths, channels))
    if not good:
        raise ValueError(f"No picture in {folder} can be decoded.")
    # The count is asserted, so that a file that goes bad later is an error and not a smaller set.
    whole = pictures.ignore_errors().apply(tf.data.experimental.assert_cardinality(len(good)))
    skipped = tuple(path for path in paths if path not in good)
    return _Split(whole, tuple(pictures.class_names), skipped)
