"""Images with masks as batches for a network."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_cv_course._validation import check_choice
from keras_cv_course.data.dataset import check_input, rescale
from keras_cv_course.data.epochs import Epochs, shuffled
from keras_cv_course.data.framing import border
from keras_cv_course.data.image_sources import with_channels
from keras_cv_course.data.masks import SegmentationImages
from keras_cv_course.data.shapes import DrawnMasks
from keras_cv_course.data.windows import IGNORE_VALUE
from keras_cv_course.specs.detection import RESIZINGS

Masks = SegmentationImages | DrawnMasks
_Sample = tuple[tf.Tensor, dict[str, tf.Tensor]]


def segmentation_epochs(
    source: Masks,
    input_shape: tuple[int, int, int],
    batch_size: int = 16,
    resize: str = "stretch",
    seed: int = 0,
    cache: bool = True,
) -> Epochs:
    """Returns images as pixels, and their masks, in an order that is a function of the epoch.

    Go on with `augmented_boxes`, which changes masks together with their images, and `for_fit`.

    Args:
        source: The images.
        input_shape: (height, width, channels) of the network input; 1 or 3 channels.
        batch_size: Images in a batch.
        resize: "stretch" fills the input; "pad" keeps the aspect ratio, with the image in the
            middle of black borders that have no class.
        seed: Decides the orders.
        cache: Whether all images are read here and kept in memory, resized and as bytes: 2 MB for
            ten of 224 x 224.

    Returns:
        Batches of `(images, found)`: float32 `(batch, height, width, channels)` in 0 to 255, and a
        dict of "masks", uint8 `(batch, height, width)` with 255 for what has no class.

    Raises:
        FileNotFoundError: If a file is gone.
        ValueError: If an argument is out of its range, or, with `cache`, a file cannot be decoded.

    Example:
        >>> epochs = segmentation_epochs(folder_masks("images", "masks"), (128, 128, 3))
        >>> train = for_fit(augmented_boxes(epochs, ("window", "flip")), (-1.0, 1.0))
        >>> model.fit(train.passes(), epochs=20, shuffle=False)
    """
    check_input(input_shape, (0.0, 1.0), batch_size)
    check_choice("resize", resize, RESIZINGS)
    count = len(source)
    read = _reader(source, input_shape, resize)
    whole = zip(*map(read, range(count)), strict=True) if cache else ()
    kept = [tf.constant(np.stack(column)) for column in whole]

    def at(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = tf.data.Dataset.from_tensor_slices(shuffled(count, seed, epoch))
        if kept:
            batches = rows.batch(batch_size)
            return batches.map(lambda row: _sample(*(tf.gather(x, row) for x in kept)))
        read_row = _in_graph(read, input_shape)
        read_rows = rows.map(read_row, tf.data.AUTOTUNE, deterministic=True)
        return read_rows.batch(batch_size).map(_sample)

    return Epochs(at, math.ceil(count / batch_size))


def for_fit(batches: Epochs, input_range: tuple[float, float]) -> Epochs:
    """Returns batches for `fit`: images in a range, and masks alone.

    Args:
        batches: As `segmentation_epochs` gives them.
        input_range: Smallest and largest value that the network takes.
    """
    to_range = rescale(input_range)
    return batches.map(lambda images, targets: (to_range(images), targets["masks"]))


def first_epoch(batches: Epochs) -> tf.data.Dataset:
    """Returns the batches of the first epoch, the same each time they are read, for validation."""
    return batches.at(tf.constant(0, tf.int64)).prefetch(tf.data.AUTOTUNE)


def resized_mask(mask: np.ndarray, size_px: tuple[int, int], resize: str = "stretch") -> np.ndarray:
    """Returns a mask in the size of a network's input, each pixel that of the nearest one.

    Args:
        mask: uint8 `(height, width)`.
        size_px: (height, width) of the input.
        resize: "stretch" or "pad"; what is padded has no class.
    """
    if resize == "pad":
        top, left = border(mask.shape, size_px)
        mask = np.pad(mask, ((top, top), (left, left)), constant_values=IGNORE_VALUE)
    rows, columns = (
        ((np.arange(seen) + 0.5) * whole / seen).astype(int)
        for seen, whole in zip(size_px, mask.shape, strict=True)
    )
    return mask[rows[:, None], columns]


def _reader(
    source: Masks, input_shape: tuple[int, int, int], resize: str
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Returns a function from the number of an image to it and its mask, resized, uint8."""
    size_px = input_shape[:2]

    def read(index: int) -> tuple[np.ndarray, np.ndarray]:
        image, mask = source[int(index)]
        image = with_channels(image, input_shape[2])
        if resize == "pad":
            top, left = border(image.shape[:2], size_px)
            image = np.pad(image, ((top, top), (left, left), (0, 0)))
        pixels = tf.image.resize(image, size_px).numpy()
        return np.rint(pixels).astype(np.uint8), resized_mask(mask, size_px, resize)

    return read


def _in_graph(
    read: Callable[[int], tuple[np.ndarray, np.ndarray]], input_shape: tuple[int, int, int]
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    def read_row(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kinds = (tf.uint8, tf.uint8)
        image, mask = tf.numpy_function(read, [index], kinds, stateful=False)
        return tf.ensure_shape(image, input_shape), tf.ensure_shape(mask, input_shape[:2])

    return read_row


def _sample(images: tf.Tensor, masks: tf.Tensor) -> _Sample:
    return tf.cast(images, tf.float32), {"masks": masks}
