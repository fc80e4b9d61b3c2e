"""Training images as a function of the epoch, so that a run that was killed can resume exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

_SEED_STATE = "seed_generator_state"


@dataclass(frozen=True)
class Epochs:
    """The batches of every epoch, which depend on its number and on nothing else.

    A `tf.data.Dataset` that shuffles counts how often it was read: in a new process it starts over.
    Here epoch 7 is the same no matter what was read before it.

    Attributes:
        at: Takes the number of an epoch, an int64 tensor `()`, and returns the epoch's batches, a
            `tf.data.Dataset`. It is traced once for all epochs.
        batches: Number of batches in an epoch.

    Example:
        >>> data = digits((32, 32, 3), batch_size=64)
        >>> model.fit(data.epochs.since(7), steps_per_epoch=data.epochs.batches, initial_epoch=7)
    """

    at: Callable[[tf.Tensor], tf.data.Dataset]
    batches: int

    def since(self, epoch: int) -> tf.data.Dataset:
        """Returns the batches of an epoch and of all after it, without an end.

        The next epoch is read ahead while a model is validated.
        """
        return tf.data.Dataset.counter(epoch).flat_map(self.at).prefetch(tf.data.AUTOTUNE)

    def passes(self) -> tf.data.Dataset:
        """Returns batches whose order and distortions are other ones each time they are read.

        It is for a plain `model.fit`, and ends after `batches` batches.
        """
        numbers = tf.data.Dataset.random(seed=0, rerandomize_each_iteration=True)
        one = numbers.take(1).flat_map(self.at)
        known = one.apply(tf.data.experimental.assert_cardinality(self.batches))
        return known.prefetch(tf.data.AUTOTUNE)

    def map(self, function: Callable[..., Any]) -> "Epochs":
        """Returns the batches mapped by a deterministic function, several at a time."""
        return Epochs(lambda epoch: _in_parallel(self.at(epoch), function), self.batches)

    def map_random(
        self, function: Callable[..., Any], layers: Sequence[keras.layers.Layer], seed: int = 0
    ) -> "Epochs":
        """Returns the batches mapped by a function that calls random Keras layers.

        What the layers draw depends on `seed`, the epoch and the number of the batch, and not on
        what they have drawn before; their own seeds are not used. Several batches are made at a
        time.

        Args:
            function: Takes what a batch holds, e.g. `(images, labels)`, and returns the same.
            layers: The layers that it calls, e.g. RandomFlip, RandAugment, MixUp.
            seed: Decides what is drawn.

        Raises:
            ValueError: If a layer has no seed generator, or Keras does not run on TensorFlow.

        Example:
            >>> flip = keras.layers.RandomFlip("horizontal")
            >>> flipped = data.epochs.map_random(lambda x, y: (flip(x, training=True), y), [flip])
        """
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                "Keras' random layers draw by batch in a tf.data pipeline on TensorFlow only. "
                f"Received: Keras on {keras.backend.backend()}. Put them at the beginning of the "
                "model, where a checkpoint keeps their seeds."
            )
        states = [state for layer in layers for state in _seed_states(layer)]

        def draw(key: tf.Tensor, *batch: Any) -> Any:
            keys = tf.random.split(key, len(states))
            # The layers' generators count in variables. In this scope they start from `keys`, and
            # what they count is dropped.
            with keras.StatelessScope(list(zip(states, tf.unstack(keys), strict=True))):
                return function(*batch)

        return self.map_with_key(draw, seed)

    def map_with_key(self, function: Callable[..., Any], seed: int = 0) -> "Epochs":
        """Returns the batches mapped by a function with stateless random operations.

        Args:
            function: Takes the seed of a batch, int64 `(2,)`, for `tf.random`'s stateless
                functions, and what the batch holds, e.g. `(key, images, labels)`.
            seed: Decides the seeds, with the epoch and the number of the batch.
        """

        def at(epoch: tf.Tensor) -> tf.data.Dataset:
            key = random_key(seed, epoch)

            def call(number: tf.Tensor, batch: Any) -> Any:
                own = tf.random.fold_in(key, number)
                return function(own, *(batch if isinstance(batch, tuple) else (batch,)))

            return _in_parallel(self.at(epoch).enumerate(), call)

        return Epochs(at, self.batches)


def random_key(seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Returns the seed, int64 `(2,)`, that TensorFlow's stateless functions take in an epoch."""
    return tf.random.fold_in(tf.constant([seed, 0], tf.int64), epoch)


def shuffled(count: int, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Returns the numbers from 0 to `count` - 1, int64, in the order of an epoch."""
    return tf.random.experimental.stateless_shuffle(
        tf.range(count, dtype=tf.int64), random_key(seed, epoch)
    )


def filled_share(index: int, count: int, multiple: int) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Returns a function from what a batch holds to the part of one of several workers.

    The batch is filled up with its first images to a multiple of `multiple`, and cut into `count`
    equal parts in order.

    Args:
        index: Which part, from 0.
        count: How many parts.
        multiple: A multiple of `count`.
    """

    def take(*parts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        size = tf.shape(parts[0])[0]
        share = (size + multiple - 1) // multiple * (multiple // count)
        rows = (index * share + tf.range(share)) % size
        return tuple(tf.gather(part, rows) for part in parts)

    return take


def as_epochs(train: tf.data.Dataset | Epochs) -> Epochs:
    """Returns a dataset as epochs, each of which reads it once.

    A dataset that shuffles does so with its own count of passes, which starts over with the
    process: give an `Epochs` where runs must resume exactly.

    Raises:
        ValueError: If the dataset has no known number of batches.
    """
    if isinstance(train, Epochs):
        return train
    batches = int(train.cardinality())
    if batches < 1:
        raise ValueError(
            "`train` must have a known number of batches. Set it with `train.apply("
            "tf.data.experimental.assert_cardinality(n))`."
        )
    return Epochs(lambda _: train, batches)


def _in_parallel(dataset: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _seed_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    states = [variable for variable in layer.variables if variable.name == _SEED_STATE]
    if not states:
        raise ValueError(
            f"`layers` must be layers with a keras.random.SeedGenerator. {layer.name!r} has none."
        )
    return states
