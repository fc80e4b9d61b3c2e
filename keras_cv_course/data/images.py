"""Folders of images, one sub-folder for each class."""

import math
import os
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course._validation import check_rate
from keras_cv_course.data.class_folders import Split, read_classes, read_splits, relative_names
from keras_cv_course.data.dataset import ImageDataset, check_input, rescale
from keras_cv_course.data.epochs import Epochs, shuffled
from keras_cv_course.data.input_files import existing_folder
from keras_cv_course.data.photograph_header import MAX_PIXELS
from keras_cv_course.data.photographs import photograph_reader, read_photograph


def image_folder(
    folder: str | os.PathLike[str],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int = 32,
    validation_split: float = 0.2,
    seed: int = 0,
    files: Mapping[str, Sequence[str]] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> ImageDataset:
    """Returns the images of a folder that holds one sub-folder for each class.

    The folder holds the class folders, of whose images `validation_split` are held out; or
    `train` and `val` (and `test`), each with the same class folders. Images are read as
    `read_photograph` does, cropped to the aspect ratio of `input_shape` around their centre and
    resized bilinearly. A file that cannot be decoded is logged and left out.

    Args:
        folder: The folder. JPEG, PNG, GIF, BMP, WebP and TIFF files are read. Links to files and to
            class folders are followed.
        input_shape: (height, width, channels) of the model's input; 1 or 3 channels.
        input_range: Smallest and largest value that the model takes, e.g. (-1.0, 1.0).
        batch_size: Images in a batch.
        validation_split: Share that is held out, above 0 and below 1. Not used where the folder
            has `train` and `val`.
        seed: Decides which images are held out, and the order of training.
        files: Makes exactly the split that was recorded, `ImageDataset.split_files` of an earlier
            reading of the folder, instead of a random one. Images that have come since are logged
            and left out, see `ImageDataset.unlisted`.
        max_pixels: The largest number of pixels of an image; larger ones are left out.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds fewer than two classes or a class without an image that can be
            decoded, if `train` and `val` hold different classes, if an image that `files` records
            is missing or cannot be decoded, or if another argument is out of its range.

    Example:
        >>> data = image_folder("flowers", (224, 224, 3), (-1.0, 1.0))
        >>> model.fit(data.train, validation_data=data.val)
        >>> same = image_folder("flowers", (224, 224, 3), (-1.0, 1.0), files=data.split_files)
    """
    check_input(input_shape, input_range, batch_size)
    check_rate("validation_split", validation_split)
    root = existing_folder(folder)
    read = read_splits(root, input_shape[2], validation_split, seed, files, max_pixels)
    paths = [path for split in read.splits.values() for path in split.paths]
    load = _loader(paths, input_shape, input_range, max_pixels)
    train = read.splits["train"]
    held_out = {
        name: _batches(split, load, batch_size)
        for name, split in read.splits.items()
        if name != "train"
    }
    return ImageDataset(
        epochs=_epochs(train, load, batch_size, seed),
        val=held_out["val"],
        test=held_out.get("test"),
        class_names=train.class_names,
        input_shape=input_shape,
        input_range=input_range,
        skipped=tuple(path for split in read.splits.values() for path in split.skipped),
        files={name: (split.paths, split.labels) for name, split in read.splits.items()},
        split_files={name: relative_names(root, split) for name, split in read.splits.items()},
        unlisted=read.unlisted,
    )


def labelled_folder(
    folder: str | os.PathLike[str],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    class_names: Sequence[str],
    batch_size: int = 32,
    max_pixels: int = MAX_PIXELS,
) -> tuple[tf.data.Dataset, tuple[str, ...]]:
    """Returns all images of a folder of class folders in batches, and the files left out.

    Args:
        folder: Holds one sub-folder for each class, read as `image_folder` does.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        class_names: Names of the sub-folders in the order of the model's classes.
        batch_size: Images in a batch.
        max_pixels: The largest number of pixels of an image; larger ones are left out.

    Returns:
        Batches of `(images, labels)`, in the order of class and file name, and the paths of the
        files that cannot be decoded or are of another kind.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If its sub-folders are not `class_names`, or one holds no image that can be
            decoded.
    """
    check_input(input_shape, input_range, batch_size)
    root = existing_folder(folder)
    split = read_classes(root, input_shape[2], tuple(class_names), max_pixels)
    load = _loader(split.paths, input_shape, input_range, max_pixels)
    return _batches(split, load, batch_size), split.skipped


def load_images(
    paths: Sequence[str | os.PathLike[str]],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Returns images as a model takes them, cropped and resized as in training.

    Args:
        paths: JPEG, PNG, GIF, BMP, WebP or TIFF files.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        max_pixels: The largest number of pixels of an image.

    Returns:
        float32 `(n, height, width, channels)` in `input_range`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file cannot be read, see `read_photograph`.
    """
    check_input(input_shape, input_range)
    fit = image_fitter(input_shape, input_range)
    images = np.zeros((len(paths), *input_shape), np.float32)
    for i, path in enumerate(paths):
        images[i] = fit(read_photograph(path, None, max_pixels, input_shape[2]))
    return images


def image_fitter(
    input_shape: tuple[int, int, int], input_range: tuple[float, float]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from a decoded image to the image as a model takes it.

    Args:
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
    """
    resize = keras.layers.Resizing(*input_shape[:2], crop_to_aspect_ratio=True, dtype="float32")
    to_range = rescale(input_range)

    def fit(image: tf.Tensor) -> tf.Tensor:
        # Resizing rounds to whole numbers what is given to it in whole numbers.
        pixels = tf.cast(image, tf.float32)
        return tf.ensure_shape(to_range(resize(pixels)), input_shape)

    return fit


def _batches(
    split: Split, load: Callable[[tf.Tensor], tf.Tensor], batch_size: int
) -> tf.data.Dataset:
    files = tf.data.Dataset.from_tensor_slices((list(split.paths), split.labels))
    return _load_batches(files, load, batch_size).prefetch(tf.data.AUTOTUNE)


def _epochs(
    split: Split, load: Callable[[tf.Tensor], tf.Tensor], batch_size: int, seed: int
) -> Epochs:
    paths, labels = tf.constant(split.paths), tf.constant(split.labels)

    def at(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = shuffled(len(split.paths), seed, epoch)
        files = tf.data.Dataset.from_tensor_slices(
            (tf.gather(paths, rows), tf.gather(labels, rows))
        )
        return _load_batches(files, load, batch_size)

    return Epochs(at, math.ceil(len(split.paths) / batch_size))


def _load_batches(
    files: tf.data.Dataset, load: Callable[[tf.Tensor], tf.Tensor], batch_size: int
) -> tf.data.Dataset:
    images = files.map(
        lambda path, label: (load(path), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return images.batch(batch_size)


def _loader(
    paths: Sequence[str],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    max_pixels: int,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from the path of one of these files to the image as a model takes it."""
    read = photograph_reader(paths, input_shape[2], max_pixels)
    fit = image_fitter(input_shape, input_range)
    return lambda path: fit(read(path))
