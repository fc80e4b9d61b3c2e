"""Scikit-learn's handwritten digits: real images that need no download."""

import math

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_cv_course.data.dataset import ImageDataset, check_input, rescale
from keras_cv_course.data.epochs import Epochs, shuffled

_DARKEST_INK = 16.0
_TEST_SHARE = 0.2
_VAL_SHARE = 0.1


def digits(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    input_range: tuple[float, float] = (-1.0, 1.0),
    batch_size: int = 32,
    seed: int = 0,
) -> ImageDataset:
    """Returns 1,797 images of handwritten digits, enlarged from 8 x 8 pixels.

    70 % are for training, 10 % for validation and 20 % for testing, with the same share of every
    digit in each.

    Args:
        input_shape: (height, width, channels) that the images are enlarged to, bilinearly; with
            3 channels all are equal.
        input_range: Values of the background and of the darkest ink.
        batch_size: Images in a batch.
        seed: Decides the split and the order of training.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> data = digits((32, 32, 3), batch_size=64)
        >>> model.fit(data.train, validation_data=data.val)

    Reference:
        "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, the test part.
    """
    check_input(input_shape, input_range, batch_size)
    source = load_digits()
    images = source.images[..., None] * (255.0 / _DARKEST_INK)  # (1797, 8, 8, 1)
    labels = source.target.astype(np.int32)
    rest, test = _split(np.arange(len(labels)), labels, _TEST_SHARE, seed)
    train, val = _split(rest, labels[rest], _VAL_SHARE / (1 - _TEST_SHARE), seed)
    to_range = rescale(input_range)

    def enlarge(pixels: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        large = tf.image.resize(pixels, input_shape[:2])
        return to_range(tf.repeat(large, input_shape[2], axis=-1)), label

    def batches(rows: np.ndarray) -> tf.data.Dataset:
        pairs = tf.data.Dataset.from_tensor_slices((images[rows].astype(np.float32), labels[rows]))
        return pairs.batch(batch_size).map(enlarge).prefetch(tf.data.AUTOTUNE)

    learned, names = tf.constant(images[train], tf.float32), tf.constant(labels[train])

    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.data.Dataset.from_tensor_slices(shuffled(len(train), seed, epoch))
        return order.batch(batch_size).map(
            lambda rows: (tf.gather(learned, rows), tf.gather(names, rows))
        )

    return ImageDataset(
        epochs=Epochs(epoch_of, math.ceil(len(train) / batch_size)).map(enlarge),
        val=batches(val),
        test=batches(test),
        class_names=tuple(str(name) for name in source.target_names),
        input_shape=input_shape,
        input_range=input_range,
    )


def _split(
    rows: np.ndarray, labels: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    rest, held_out = train_test_split(rows, test_size=share, random_state=seed, stratify=labels)
    return rest, held_out
