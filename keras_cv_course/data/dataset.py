"""What every source of labelled images returns, and the steps that the sources share."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from keras_cv_course._validation import check_batch, check_whole
from keras_cv_course.data.epochs import Epochs

_BRIGHTEST = 255.0


@dataclass(frozen=True)
class ImageDataset:
    """Labelled images in batches, split into what is learned from and what is held out.

    Every split yields `(images, labels)`: float32 `(batch, height, width, channels)` in
    `input_range`, and int32 `(batch,)`. Only `train` is shuffled, differently in every epoch.

    Attributes:
        epochs: What the model learns from, as a function of the epoch.
        val: What the best epoch is chosen by.
        test: What the result is measured on, or None where the source has no such split.
        class_names: Name of each class, by label.
        input_shape: Shape of one image, (height, width, channels).
        input_range: Smallest and largest pixel value.
        skipped: Files that are in no split, because they cannot be decoded or are of another kind.
        files: Paths and labels of the images of each split, where they are files.
        split_files: The same paths relative to the folder that was read, in the order of the split:
            what a run records, and `image_folder(files=…)` takes. Empty where they are not files.
        unlisted: Images that have come to the folder since `split_files` was recorded.
    """

    epochs: Epochs
    val: tf.data.Dataset
    test: tf.data.Dataset | None
    class_names: tuple[str, ...]
    input_shape: tuple[int, int, int]
    input_range: tuple[float, float]
    skipped: tuple[str, ...] = ()
    files: Mapping[str, tuple[tuple[str, ...], np.ndarray]] = field(default_factory=dict)
    split_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlisted: tuple[str, ...] = ()

    @functools.cached_property
    def train(self) -> tf.data.Dataset:
        """What the model learns from, in another order each time it is read."""
        return self.epochs.passes()


def as_arrays(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Returns all images and all labels of a split as arrays, in its order.

    Args:
        dataset: Batches of `(images, labels)`, as in an `ImageDataset`.

    Returns:
        float32 `(n, height, width, channels)` and int32 `(n,)`.
    """
    batches = list(dataset.as_numpy_iterator())
    return (
        np.concatenate([images for images, _ in batches]),
        np.concatenate([labels for _, labels in batches]),
    )


# Differences of values below are finite in float32.
_MOST_VALUE = 1e30


def check_input(
    input_shape: tuple[int, ...], input_range: tuple[float, float], batch_size: int = 1
) -> None:
    """Raises ValueError unless images can be made in this shape, range and batch size."""
    sizes = tuple(input_shape)
    if len(sizes) != 3 or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(
            "`input_shape` must be (height, width, channels), each known and above 0. "
            f"Received: {input_shape!r}."
        )
    if sizes[2] not in (1, 3):
        raise ValueError(
            "`input_shape` must have 1 channel (grey) or 3 (red, green, blue). "
            f"Received: {input_shape!r}."
        )
    finite = len(input_range) == 2 and all(abs(value) < _MOST_VALUE for value in input_range)
    if not finite or not input_range[0] < input_range[1]:
        raise ValueError(
            "`input_range` must be the smallest and the largest pixel value, e.g. (-1.0, 1.0). "
            f"Received: {input_range!r}."
        )
    check_whole("batch_size", batch_size)
    check_batch(batch_size, *sizes[:2])


def rescale(input_range: tuple[float, float]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function that takes pixels of 0 to 255 to float32 values in `input_range`."""
    low, high = input_range
    scale = (high - low) / _BRIGHTEST

    def to_range(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(images, tf.float32) * scale + low

    return to_range
