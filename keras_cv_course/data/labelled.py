"""Images with the labels of several tasks, of which each set has its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cv_course.data.dataset import check_input, rescale
from keras_cv_course.data.epochs import Epochs, shuffled
from keras_cv_course.data.photographs import photograph_reader, readable


@dataclass(frozen=True)
class LabelledImages:
    """Files of one set, and the labels that the set has.

    Attributes:
        files: Paths of images.
        labels: float32 (n, size) by task, NaN where a value is not known.
        people: Who is shown, a name for each image; empty where it is not known.
    """

    files: tuple[str, ...]
    labels: Mapping[str, np.ndarray]
    people: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.labels.items()}
        if self.people:
            lengths["people"] = len(self.people)
        if any(length != len(self.files) for length in lengths.values()):
            raise ValueError(
                f"`labels` must have an entry for each of {len(self.files)} files. "
                f"Received: {lengths}."
            )

    def __len__(self) -> int:
        return len(self.files)

    def take(self, rows: Sequence[int] | np.ndarray) -> "LabelledImages":
        """Returns the images with these numbers, in this order."""
        return LabelledImages(
            tuple(self.files[i] for i in rows),
            {name: values[np.asarray(rows, int)] for name, values in self.labels.items()},
            tuple(self.people[i] for i in rows) if self.people else (),
        )

    def with_labels(self, **labels: Any) -> "LabelledImages":
        """Returns the images with further labels, each (n,) or (n, size).

        Raises:
            ValueError: If one is infinite, also only as float32. NaN stands for what is not known.
        """
        arrays = {}
        for name, values in labels.items():
            with np.errstate(over="ignore"):  # It becomes infinite, which is refused.
                array = np.asarray(values, np.float32).reshape(len(self), -1)
            if np.isinf(array).any():
                file = self.files[int(np.isinf(array).any(1).argmax())]
                raise ValueError(f"The label {name!r} of {file} is infinite.")
            arrays[name] = array
        return replace(self, labels={**self.labels, **arrays})


def split_images(
    images: LabelledImages, shares: Sequence[float], seed: int = 0
) -> tuple[LabelledImages, ...]:
    """Returns the images in parts with no person in common, where people are known.

    Args:
        images: One set. Where its people are known they are dealt out as a whole, else its
            images are.
        shares: Share of each part, of the people or of the images; they sum to 1.
        seed: Decides who is in which part.

    Raises:
        ValueError: If the shares do not sum to 1, or leave a part empty.
    """
    if any(share <= 0 for share in shares) or not np.isclose(sum(shares), 1.0):
        raise ValueError(f"`shares` must be above 0 and sum to 1. Received: {tuple(shares)}.")
    keys = np.array(images.people if images.people else images.files)
    units = np.random.default_rng(seed).permutation(np.unique(keys))
    borders = np.rint(np.cumsum(shares)[:-1] * len(units)).astype(int)
    parts = np.split(units, borders)
    if any(len(part) == 0 for part in parts):
        raise ValueError(
            f"`shares` must leave no part empty. Received: {tuple(shares)} of {len(units)}."
        )
    return tuple(images.take(np.flatnonzero(np.isin(keys, part))) for part in parts)


def labelled_batches(
    sources: Sequence[LabelledImages],
    label_sizes: Mapping[str, int],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Returns batches of all sources together, with NaN for labels that a source does not have.

    Images are resized to the input without keeping their aspect ratio, so that points stay valid;
    they are decoded once and kept in memory as bytes. A file that cannot be decoded is logged and
    left out. A batch has as many images of each source as the size of the source makes likely.

    Args:
        sources: Sets of images; labels of other tasks are left out.
        label_sizes: Size of the label of each output, see `faces.tasks.label_sizes`.
        input_shape: (height, width, channels) of the model's input; grey images are repeated.
        input_range: Smallest and largest value that the model takes.
        batch_size: Images in a batch.
        shuffle: Whether the order is new in every epoch.
        seed: Decides the order.

    Returns:
        Batches of float32 images and a dict of float32 labels (batch, size).

    Raises:
        ValueError: If there is no image, a label has another size, or no source has any label
            of a task.
    """
    check_input(input_shape, input_range, batch_size)
    files, labels, read = _table(sources, label_sizes, input_shape)
    to_range = rescale(input_range)
    dataset = tf.data.Dataset.from_tensor_slices((files, labels))
    dataset = dataset.map(
        lambda path, label: (read(path), label), num_parallel_calls=tf.data.AUTOTUNE
    ).cache()
    if shuffle:
        dataset = dataset.shuffle(len(files), seed=seed)
    dataset = dataset.batch(batch_size).map(lambda images, label: (to_range(images), label))
    return dataset.prefetch(tf.data.AUTOTUNE)


def labelled_epochs(
    sources: Sequence[LabelledImages],
    label_sizes: Mapping[str, int],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int = 32,
    seed: int = 0,
) -> Epochs:
    """Returns the batches of `labelled_batches`, in an order that is a function of the epoch.

    All images are decoded here, and kept in memory as bytes.

    Args:
        sources: As in `labelled_batches`, like the arguments that follow.
        label_sizes: Size of the label of each output.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        batch_size: Images in a batch.
        seed: Decides the orders.

    Raises:
        ValueError: As in `labelled_batches`.
    """
    check_input(input_shape, input_range, batch_size)
    files, labels, read = _table(sources, label_sizes, input_shape)
    decoded = tf.data.Dataset.from_tensor_slices(files)
    decoded = decoded.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(len(files))
    cached = (next(iter(decoded)), {name: tf.constant(x) for name, x in labels.items()})
    to_range = rescale(input_range)

    def at(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.data.Dataset.from_tensor_slices(shuffled(len(files), seed, epoch))
        return order.batch(batch_size).map(
            lambda rows: tf.nest.map_structure(lambda x: tf.gather(x, rows), cached)
        )

    batches = Epochs(at, -(-len(files) // batch_size))
    return batches.map(lambda images, label: (to_range(images), label))


def _table(
    sources: Sequence[LabelledImages],
    label_sizes: Mapping[str, int],
    input_shape: tuple[int, int, int],
) -> tuple[list[str], dict[str, np.ndarray], Callable[[tf.Tensor], tf.Tensor]]:
    """Returns the files of all sources, their labels, and what reads a file as uint8 pixels."""
    sources = [_decodable(source, input_shape[2]) for source in sources]
    files = [file for source in sources for file in source.files]
    if not files:
        raise ValueError("`sources` must hold at least one image. Received none.")
    labels = {name: _joined(sources, name, size) for name, size in label_sizes.items()}
    missing = [name for name, values in labels.items() if np.isnan(values).all()]
    if missing:
        raise ValueError(f"`sources` must hold labels of every task. There are none of {missing}.")

    image_in = photograph_reader(files, input_shape[2])

    def read(path: tf.Tensor) -> tf.Tensor:
        image = tf.image.resize(image_in(path), input_shape[:2])
        image = tf.ensure_shape(image, input_shape)
        return tf.cast(tf.round(image), tf.uint8)

    return files, labels, read


def _decodable(source: LabelledImages, channels: int) -> LabelledImages:
    good = set(readable(source.files, channels))
    if len(good) == len(set(source.files)):
        return source
    return source.take([i for i, file in enumerate(source.files) if file in good])


def _joined(sources: Sequence[LabelledImages], name: str, size: int) -> np.ndarray:
    """Returns the labels of one task for all sources, (n, size)."""
    parts = []
    for source in sources:
        values = source.labels.get(name)
        if values is None:
            values = np.full((len(source), size), np.nan, np.float32)
        if values.shape[1:] != (size,):
            raise ValueError(
                f"The labels of {name!r} must have {size} values each. Received: {values.shape}."
            )
        parts.append(values.astype(np.float32))
    return np.concatenate(parts)
