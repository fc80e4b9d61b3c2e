"""Folders of pictures, one sub-folder for each class."""

import contextlib
import io
import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course.data.dataset import ImageDataset, check_input, rescale
from keras_cv_course.data.epochs import Epochs, shuffled

_LOG = logging.getLogger(__name__)
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
        splits = _read_splits(root, present, input_shape[2])
    else:
        splits = _hold_out(root, input_shape[2], validation_split, seed)
    load = picture_loader(input_shape, input_range)
    held_out = {
        name: split.batches(load, batch_size) for name, split in splits.items() if name != "train"
    }
    return ImageDataset(
        epochs=splits["train"].epochs(load, batch_size, seed),
        val=held_out["val"],
        test=held_out.get("test"),
        class_names=splits["train"].class_names,
        input_shape=input_shape,
        input_range=input_range,
        skipped=tuple(path for split in splits.values() for path in split.skipped),
        files={name: (split.paths, split.labels) for name, split in splits.items()},
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
    split = _read(existing_folder(folder), input_shape[2], tuple(class_names))
    return split.batches(picture_loader(input_shape, input_range), batch_size), split.skipped


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
    load = picture_loader(input_shape, input_range)
    pictures = np.zeros((len(paths), *input_shape), np.float32)
    for i, path in enumerate(paths):
        if not Path(path).is_file():
            raise FileNotFoundError(f"There is no picture {path}.")
        try:
            pictures[i] = load(tf.io.read_file(os.fspath(path)))
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"{path} cannot be decoded. Give a whole JPEG, PNG, GIF or BMP file."
            ) from error
    return pictures


def existing_folder(folder: str | os.PathLike[str]) -> Path:
    """Returns the path of a folder; raises FileNotFoundError where there is none."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {path}.")
    return path


def decode_picture(content: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns the (first) picture in the bytes of a file, uint8 `(height, width, channels)`.

    Args:
        content: Scalar string.
        channels: 1 for grey, 3 for colour.

    Raises:
        tf.errors.InvalidArgumentError: If they cannot be decoded.
    """
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
        return row, tf.size(decode_picture(tf.io.read_file(path), channels))

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
    """Picture files that can be decoded, with the numbers of their classes."""

    paths: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    skipped: tuple[str, ...]

    def batches(self, load: Callable[[tf.Tensor], tf.Tensor], batch_size: int) -> tf.data.Dataset:
        files = tf.data.Dataset.from_tensor_slices((list(self.paths), self.labels))
        return _load_batches(files, load, batch_size).prefetch(tf.data.AUTOTUNE)

    def epochs(self, load: Callable[[tf.Tensor], tf.Tensor], batch_size: int, seed: int) -> Epochs:
        paths, labels = tf.constant(self.paths), tf.constant(self.labels)

        def at(epoch: tf.Tensor) -> tf.data.Dataset:
            rows = shuffled(len(self.paths), seed, epoch)
            files = tf.data.Dataset.from_tensor_slices(
                (tf.gather(paths, rows), tf.gather(labels, rows))
            )
            return _load_batches(files, load, batch_size)

        return Epochs(at, math.ceil(len(self.paths) / batch_size))


def _load_batches(
    files: tf.data.Dataset, load: Callable[[tf.Tensor], tf.Tensor], batch_size: int
) -> tf.data.Dataset:
    pictures = files.map(
        lambda path, label: (load(tf.io.read_file(path)), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return pictures.batch(batch_size)


def picture_loader(
    input_shape: tuple[int, int, int], input_range: tuple[float, float]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from the content of a picture file to the picture as a model takes it.

    Args:
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
    """
    resize = keras.layers.Resizing(*input_shape[:2], crop_to_aspect_ratio=True, dtype="float32")
    to_range = rescale(input_range)

    def load(content: tf.Tensor) -> tf.Tensor:
        # Resizing rounds to whole numbers what is given to it in whole numbers.
        pixels = tf.cast(decode_picture(content, input_shape[2]), tf.float32)
        return tf.ensure_shape(to_range(resize(pixels)), input_shape)

    return load


def _read_splits(root: Path, present: Sequence[str], channels: int) -> dict[str, _Split]:
    if not {"train", "val"} <= set(present):
        raise ValueError(
            f"{root} must hold both `train` and `val`, or class folders only. It holds {present}."
        )
    train = _read(root / "train", channels)
    others = [name for name in present if name != "train"]
    held_out = {name: _read(root / name, channels, train.class_names) for name in others}
    return {"train": train, **held_out}


def _hold_out(root: Path, channels: int, validation_split: float, seed: int) -> dict[str, _Split]:
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
    both = _from_directory(root, seed=seed, **options)
    train, val = (_without_corrupt(pictures, root, channels) for pictures in both)
    return {"train": train, "val": val}


def _read(folder: Path, channels: int, class_names: tuple[str, ...] | None = None) -> _Split:
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
    pictures = _from_directory(folder, class_names=class_names, shuffle=False)
    return _without_corrupt(pictures, folder, channels)


def _from_directory(folder: Path, **options: Any) -> Any:
    """Returns Keras' dataset of a folder, for what it has found: files, classes and splits."""
    # Keras prints the sizes of the splits, `verbose` or not.
    with contextlib.redirect_stdout(io.StringIO()):
        return keras.utils.image_dataset_from_directory(
            folder, batch_size=None, verbose=False, **options
        )


def _class_folders(folder: Path) -> list[str]:
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise ValueError(
            f"{folder} must hold a sub-folder of pictures for each of at least two classes. "
            f"It holds {names}."
        )
    return names


def _without_corrupt(pictures: Any, folder: Path, channels: int) -> _Split:
    good = decodable(pictures.file_paths, channels)
    if not good:
        raise ValueError(f"No picture in {folder} can be decoded.")
    names = tuple(pictures.class_names)
    labels = [names.index(Path(path).relative_to(folder).parts[0]) for path in good]
    skipped = tuple(sorted(set(pictures.file_paths) - set(good)))
    return _Split(tuple(good), np.array(labels, np.int32), names, skipped)
