"""Images that show a converter the values which a network will see."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course._pixel_values import check_pixel_values
from keras_cv_course.data.dataset import check_input
from keras_cv_course.data.images import load_images
from keras_cv_course.data.input_files import existing_folder
from keras_cv_course.data.photographs import image_files, readable

_SEED = 0


def calibration_array(
    source: Any,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float] | None = None,
    limit: int | None = None,
) -> np.ndarray:
    """Returns calibration images as one array, or refuses what the model would not be given.

    Args:
        source: One of
            - an array `(n, height, width, channels)` of real values, as the model takes them;
            - a `tf.data.Dataset` of such images, batched or not, with or without labels;
            - a folder of images, read at any depth; `input_range` must then be given.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes: uint8 arrays, which are
            pixels, are for (0, 255) alone. None checks no range.
        limit: The largest number of images to return: of an array and of a folder a sample from
            the whole, of a dataset the first. None returns all.

    Returns:
        float32 `(n, height, width, channels)`.

    Raises:
        FileNotFoundError: If `source` names a folder that does not exist.
        TypeError: If `source` is something else, or holds no numbers.
        ValueError: If it is empty or endless, has another shape, holds NaN or infinity, or its
            values are those of another range than `input_range`.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: {limit!r}.")
    if isinstance(source, str | os.PathLike):
        images = _from_folder(source, input_shape, input_range, limit)
    elif isinstance(source, tf.data.Dataset):
        images = _from_dataset(source, len(input_shape), limit)
    else:
        images = _from_array(source, limit)
    if images.shape[1:] != tuple(input_shape) or len(images) == 0:
        raise ValueError(
            f"`calibration_data` must have the shape (n, {', '.join(map(str, input_shape))}) "
            f"with n at least 1. Received: {images.shape}."
        )
    broken = ~np.isfinite(images.reshape(len(images), -1)).all(axis=1)
    if broken.any():
        raise ValueError(
            "`calibration_data` must be finite. Received NaN or infinity in "
            f"{int(broken.sum())} of {len(images)}."
        )
    if input_range is not None:
        extremes = float(images.min()), float(images.max())
        is_uint8 = images.dtype == np.uint8
        check_pixel_values("calibration_data", extremes, is_uint8, input_range)
    return images.astype(np.float32)


def _from_folder(
    folder: str | os.PathLike[str],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float] | None,
    limit: int | None,
) -> np.ndarray:
    if input_range is None:
        raise ValueError(
            f"The folder {os.fspath(folder)} holds pixels of 0 to 255: say with `input_range` "
            "which values the model takes, e.g. (-1.0, 1.0)."
        )
    check_input(input_shape, input_range)
    root = existing_folder(folder)
    files = image_files(root)
    files = [files[i] for i in np.random.default_rng(_SEED).permutation(len(files))]
    good = readable(files, input_shape[2], limit)
    if not good:
        raise ValueError(f"{root} must hold images to calibrate with: none can be decoded.")
    return load_images(good, input_shape, input_range)


def _from_dataset(dataset: tf.data.Dataset, rank: int, limit: int | None) -> np.ndarray:
    if limit is None and int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError("An endless calibration dataset needs a `limit`, e.g. 100.")
    if isinstance(dataset.element_spec, tuple):
        dataset = dataset.map(lambda images, *_: images)
    if not isinstance(dataset.element_spec, tf.TensorSpec):
        raise TypeError(
            "A calibration dataset must yield images, or (images, labels). "
            f"Received elements of {dataset.element_spec}."
        )
    if dataset.element_spec.shape.rank == rank + 1:
        dataset = dataset.unbatch()
    dataset = dataset.take(-1 if limit is None else limit)
    return _numbers(np.array(list(dataset.as_numpy_iterator())))


def _from_array(source: Any, limit: int | None) -> np.ndarray:
    array = keras.ops.convert_to_numpy(source) if keras.ops.is_tensor(source) else source
    if not isinstance(array, np.ndarray):
        raise TypeError(
            "Calibration data must be an array, a tf.data.Dataset or a folder of images. "
            f"Received: {type(source).__name__}."
        )
    if limit is not None and 0 < limit < len(array):
        # Spread over the whole, because arrays are often sorted by class.
        array = array[np.linspace(0, len(array) - 1, limit).round().astype(int)]
    return _numbers(array)


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iuf":
        raise TypeError(f"`calibration_data` must be numbers. Received dtype: {array.dtype}.")
    return array
