"""Pairs, triplets and balanced batches of people's images, as they stream into training."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cv_course._validation import check_whole
from keras_cv_course.data.epochs import Epochs
from keras_cv_course.data.people import People, image_reader

# What a model of two images calls its inputs, see `faces.SiameseNetwork`.
PAIR = ("image_a", "image_b")
TRIPLET = ("anchor", "positive", "negative")

Draw = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]


def all_pairs(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns every pair of images once: the two rows of each, and whether it is of one person.

    Args:
        labels: Who is on each image `(n,)`.

    Returns:
        Three arrays of `n * (n - 1) / 2`: first row, second row, bool.

    Example:
        >>> a, b, same = all_pairs(people.labels)
        >>> similarity = np.sum(vectors[a] * vectors[b], axis=1)
    """
    a, b = np.triu_indices(len(labels), 1)
    return a, b, labels[a] == labels[b]


def sample_pairs(
    labels: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns random pairs of different images, every second one of one person.

    A person is drawn first and then an image, so that one with many images comes no more often
    than others.

    Args:
        labels: Who is on each image `(n,)`.
        count: Number of pairs.
        rng: What draws.

    Returns:
        Three arrays `(count,)`: first row, second row, bool.

    Raises:
        ValueError: If there are fewer than two people, or no person with two images.
    """
    rows = _rows_of_each(labels)
    several = _with_several(rows)
    a, b = np.empty(count, np.int64), np.empty(count, np.int64)
    same = np.arange(count) % 2 == 0
    for i in range(count):
        if same[i]:
            a[i], b[i] = rng.choice(rows[rng.choice(several)], 2, replace=False)
        else:
            first, second = rng.choice(len(rows), 2, replace=False)
            a[i], b[i] = rng.choice(rows[first]), rng.choice(rows[second])
    return a, b, same


def image_pairs(
    people: People,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int = 32,
    count: int | None = None,
    crop: float = 1.0,
    seed: int = 0,
) -> tf.data.Dataset:
    """Returns batches of pairs, half of them of one person, new in every epoch.

    Args:
        people: Whose images.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        batch_size: Pairs in a batch.
        count: Pairs in an epoch; None is as many as there are images.
        crop: Share of each side to crop around the centre first.
        seed: Decides the pairs.

    Returns:
        Batches of `({"image_a": …, "image_b": …}, same)`: float32 images and float32 `(batch,)`.

    Raises:
        ValueError: If an argument is out of its range, or there are too few people or images.

    Example:
        >>> pair = SiameseNetwork(SiameseEncoder())
        >>> pair.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        >>> pairs = image_pairs(digit_people(), (28, 28, 1), (0.0, 1.0))
        >>> pair.fit(pairs, epochs=10, shuffle=False)  # they are new in every epoch
    """
    count = len(people.labels) if count is None else count

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        a, b, same = sample_pairs(people.labels, count, rng)
        return np.stack([a, b], axis=1), same.astype(np.float32)

    read = image_reader(people, input_shape, input_range, crop)

    def image_pair(rows: tf.Tensor, same: tf.Tensor) -> Any:
        return {name: read(rows[i]) for i, name in enumerate(PAIR)}, same

    return _streamed(draw, image_pair, count, (2,), batch_size, seed)


def image_triplets(
    people: People,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int = 32,
    count: int | None = None,
    crop: float = 1.0,
    seed: int = 0,
) -> tf.data.Dataset:
    """Returns batches of two images of one person and one of another, new in every epoch.

    For a training loop or model of one's own. `TripletSemiHardLoss` finds better triplets in
    `balanced_batches`, at a third of the images.

    Args:
        people: Whose images.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        batch_size: Triplets in a batch.
        count: Triplets in an epoch; None is as many as there are images.
        crop: Share of each side to crop around the centre first.
        seed: Decides the triplets.

    Returns:
        Batches of `{"anchor": …, "positive": …, "negative": …}`, float32 images.

    Raises:
        ValueError: As `image_pairs` does.
    """
    count = len(people.labels) if count is None else count
    rows_of = _rows_of_each(people.labels)
    several = _with_several(rows_of)

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        triplets = np.empty((count, 3), np.int64)
        for i in range(count):
            person = rng.choice(several)
            other = (person + rng.integers(1, len(rows_of))) % len(rows_of)
            triplets[i, :2] = rng.choice(rows_of[person], 2, replace=False)
            triplets[i, 2] = rng.choice(rows_of[other])
        return triplets, np.zeros(count, np.float32)

    read = image_reader(people, input_shape, input_range, crop)

    def image_triplet(rows: tf.Tensor, _: tf.Tensor) -> Any:
        return {name: read(rows[i]) for i, name in enumerate(TRIPLET)}

    return _streamed(draw, image_triplet, count, (3,), batch_size, seed)


def balanced_batches(
    people: People,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    people_per_batch: int = 16,
    images_per_person: int = 4,
    batches: int | None = None,
    crop: float = 1.0,
    seed: int = 0,
) -> tf.data.Dataset:
    """Returns batches with several images of each of several people, new in every epoch.

    For runs that must resume exactly after a kill there is `balanced_epochs`.

    Args:
        people: Whose images.
        input_shape: As in `balanced_epochs`, like the arguments that follow.
        input_range: Smallest and largest value that the model takes.
        people_per_batch: People in a batch.
        images_per_person: Images of each.
        batches: Batches in an epoch.
        crop: Share of each side to crop around the center first.
        seed: Decides the batches.

    Returns:
        Batches of `(images, labels)`: float32, and int32 numbers of the people.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> encoder.compile("adam", TripletSemiHardLoss())
        >>> batches = balanced_batches(train, (112, 112, 3), (-1.0, 1.0))
        >>> encoder.fit(batches, epochs=10, shuffle=False)  # they are new in every epoch
    """
    return balanced_epochs(
        people,
        input_shape,
        input_range,
        people_per_batch,
        images_per_person,
        batches,
        crop,
        seed,
    ).passes()


def balanced_epochs(
    people: People,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    people_per_batch: int = 16,
    images_per_person: int = 4,
    batches: int | None = None,
    crop: float = 1.0,
    seed: int = 0,
) -> Epochs:
    """Returns the batches of `balanced_batches`, which are a function of the epoch.

    Args:
        people: Whose images.
        input_shape: (height, width, channels) of the model's input.
        input_range: Smallest and largest value that the model takes.
        people_per_batch: People in a batch, at most as many as there are.
        images_per_person: Images of each; of one who has fewer, some come again.
        batches: Batches in an epoch; None is as many as it takes to see as many images as there
            are.
        crop: Share of each side to crop around the center first.
        seed: Decides the batches, with the number of the epoch.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> epochs = balanced_epochs(train, (112, 112, 3), (-1.0, 1.0))
        >>> model.fit(epochs.since(7), steps_per_epoch=epochs.batches, initial_epoch=7, epochs=20)
    """
    rows_of = _rows_of_each(people.labels)
    check_whole("images_per_person", images_per_person)
    if not 2 <= people_per_batch <= len(rows_of):
        raise ValueError(
            f"`people_per_batch` must be from 2 to the number of people, {len(rows_of)}. "
            f"Received: {people_per_batch!r}."
        )
    size = people_per_batch * images_per_person
    count = -(-len(people.labels) // size) if batches is None else batches

    def draw(epoch: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([seed, int(epoch)])
        rows = []
        for _ in range(count):
            for person in rng.choice(len(rows_of), people_per_batch, replace=False):
                again = len(rows_of[person]) < images_per_person
                rows.append(rng.choice(rows_of[person], images_per_person, replace=again))
        return np.concatenate(rows)

    read = image_reader(people, input_shape, input_range, crop)
    labels = tf.constant(people.labels, tf.int32)

    def at(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = tf.ensure_shape(tf.numpy_function(draw, [epoch], tf.int64), [count * size])
        drawn = tf.data.Dataset.from_tensor_slices(rows)
        images = drawn.map(
            lambda row: (read(row), labels[row]), num_parallel_calls=tf.data.AUTOTUNE
        )
        return images.batch(size, drop_remainder=True)

    return Epochs(at, count)


def _rows_of_each(labels: np.ndarray) -> list[np.ndarray]:
    """Returns the rows of each person's images, of at least two people."""
    rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if len(rows) < 2:
        raise ValueError(f"There must be images of at least two people. Received: of {len(rows)}.")
    return rows


def _with_several(rows: list[np.ndarray]) -> np.ndarray:
    several = np.array([i for i, own in enumerate(rows) if len(own) > 1])
    if not len(several):
        raise ValueError(
            "There must be two images of at least one person, to make a pair of them. Received: "
            f"one image of each of {len(rows)} people."
        )
    return several


def _streamed(
    draw: Draw,
    read: Callable[[tf.Tensor, tf.Tensor], Any],
    count: int,
    shape: tuple[int, ...],
    batch_size: int,
    seed: int,
) -> tf.data.Dataset:
    """Returns batches read from rows that are drawn again for every epoch."""
    check_whole("batch_size", batch_size)
    check_whole("count", count)
    rng = np.random.default_rng(seed)

    def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield from zip(*draw(rng), strict=True)

    signature = (tf.TensorSpec(shape, tf.int64), tf.TensorSpec((), tf.float32))
    drawn = tf.data.Dataset.from_generator(rows, output_signature=signature)
    drawn = drawn.apply(tf.data.experimental.assert_cardinality(count))
    images = drawn.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return images.batch(batch_size).prefetch(tf.data.AUTOTUNE)
