"""Reads images in shards, from many files at once and in an order that can be repeated."""

import contextlib
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_cv_course.data.dataset import ImageDataset, check_input
from keras_cv_course.data.epochs import Epochs, random_key, shuffled
from keras_cv_course.data.images import image_fitter
from keras_cv_course.data.photograph_header import MAX_PIXELS
from keras_cv_course.data.photographs import (
    content_reader,
    count_pixels,
    decode_plain,
    or_empty,
)
from keras_cv_course.data.shards import IMAGE, LABEL, Shard, read_index

Record = dict[str, tf.Tensor]

_FEATURES = {
    IMAGE: tf.io.FixedLenFeature([], tf.string),
    LABEL: tf.io.FixedLenFeature([], tf.int64),
}
_SHARD, _NUMBER = "shard", "number"  # The place of a record, for messages.
# How TensorFlow reports the assertion of `_corrupt_unless`.
_CORRUPT = re.compile(r"\[The shard\] \[(.*?)\] \[is corrupt at record\] \[(\d+)\]")
# Number of shards read at once, and of records that are shuffled together.
_CYCLE = 16
_WINDOW = 2048


def sharded(
    folder: str | os.PathLike[str],
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int = 32,
    seed: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> ImageDataset:
    """Returns the images of shards, read from many of them at once.

    The order of an epoch depends on `seed` and the epoch: shards in random order, 16 of them
    interleaved, and the records shuffled in windows of 2048. Images are decoded, cropped and
    resized as `image_folder` does.

    Args:
        folder: What `write_shards` has written.
        input_shape: (height, width, channels) of the model's input; 1 or 3 channels.
        input_range: Smallest and largest value that the model takes.
        batch_size: Images in a batch.
        seed: Decides the order of training.
        max_pixels: The largest number of pixels of an image.

    Raises:
        FileNotFoundError: If the index, or a shard that it names, is missing.
        ValueError: If the index is not one, or a shard has another size than when it was written.

    Reading a shard whose content is corrupt raises tf.errors.InvalidArgumentError with its name and
    the number of the record, and in `training.fit_run` a ValueError. Corrupt is also a record that
    is not an example, has a label of no class, or whose image is too large or cannot be decoded.
    """
    check_input(input_shape, input_range, batch_size)
    root = Path(folder).expanduser()
    class_names, splits = read_index(root)
    plain = all(shard.plain for shards in splits.values() for shard in shards)
    parse = _parser(len(class_names), plain, max_pixels)
    decode = _decoder(plain, input_shape, input_range, max_pixels)

    def records_of(path: tf.Tensor, images: tf.Tensor) -> tf.data.Dataset:
        return _records(path, images, parse)

    def held_out(name: str) -> tf.data.Dataset:
        records = tf.data.Dataset.from_tensor_slices(_table(root, splits[name]))
        batches = _decoded(records.flat_map(records_of), decode, batch_size)
        known = batches.apply(
            tf.data.experimental.assert_cardinality(_batches(splits[name], batch_size))
        )
        return known.prefetch(tf.data.AUTOTUNE)

    files, counts = (tf.constant(column) for column in _table(root, splits["train"]))

    def at(epoch: tf.Tensor) -> tf.data.Dataset:
        order = shuffled(len(splits["train"]), seed, epoch)
        shards = tf.data.Dataset.from_tensor_slices(
            (tf.gather(files, order), tf.gather(counts, order))
        )
        records = shards.interleave(
            records_of,
            cycle_length=min(_CYCLE, len(splits["train"])),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        key = random_key(seed, epoch)

        def shuffle(number: tf.Tensor, window: Record) -> Record:
            rows = tf.range(tf.shape(window[LABEL])[0])
            order = tf.random.experimental.stateless_shuffle(rows, tf.random.fold_in(key, number))
            return {name: tf.gather(column, order) for name, column in window.items()}

        windows = records.batch(_WINDOW).enumerate().map(shuffle)
        return _decoded(windows.unbatch(), decode, batch_size)

    return ImageDataset(
        epochs=Epochs(at, _batches(splits["train"], batch_size)),
        val=held_out("val"),
        test=held_out("test") if "test" in splits else None,
        class_names=class_names,
        input_shape=input_shape,
        input_range=input_range,
    )


@contextlib.contextmanager
def corrupt_shards_named() -> Iterator[None]:
    """Makes a short ValueError of TensorFlow's long one about a corrupt shard."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        match = _CORRUPT.search(error.message)
        if match is None:
            raise
        raise ValueError(
            f"The shard {match[1]} is corrupt at record {match[2]}. Copy it again."
        ) from error


def _batches(shards: Iterable[Shard], batch_size: int) -> int:
    return math.ceil(sum(shard.images for shard in shards) / batch_size)


def _table(root: Path, shards: Iterable[Shard]) -> tuple[list[str], list[int]]:
    rows = [(str(root / shard.name), shard.images) for shard in shards]
    return [path for path, _ in rows], [count for _, count in rows]


def _records(
    path: tf.Tensor, images: tf.Tensor, parse: Callable[[tf.Tensor], Record]
) -> tf.data.Dataset:
    """Returns the records of a shard; fails with its name where one is missing or wrong."""
    count = tf.cast(images, tf.int64)
    good = (
        tf.data.TFRecordDataset(path)
        .enumerate()
        .map(lambda number, record: (number, parse(record)))
        .ignore_errors(log_warning=False)
    )
    # Broken records are dropped above, so another number or this -1 is in their place.
    nothing: Record = {IMAGE: tf.constant(""), LABEL: tf.constant(0)}
    end = tf.data.Dataset.from_tensors((tf.constant(-1, tf.int64), nothing))
    filled = good.concatenate(end.repeat(count)).take(count)

    def check(place: tf.Tensor, numbered: tuple[tf.Tensor, Record]) -> Record:
        number, record = numbered
        with tf.control_dependencies([_corrupt_unless(number == place, path, place)]):
            image = tf.identity(record[IMAGE])
        return {IMAGE: image, LABEL: record[LABEL], _SHARD: path, _NUMBER: place}

    return filled.enumerate().map(check)


def _corrupt_unless(right: tf.Tensor, shard: tf.Tensor, number: tf.Tensor) -> tf.Operation:
    return tf.debugging.Assert(right, ["The shard", shard, "is corrupt at record", number])


def _parser(classes: int, plain: bool, max_pixels: int) -> Callable[[tf.Tensor], Record]:
    """Returns a function from a record to what is in it; it raises an error where that is wrong."""

    def parse(record: tf.Tensor) -> Record:
        features = tf.io.parse_single_example(record, _FEATURES)
        image, label = features[IMAGE], tf.cast(features[LABEL], tf.int32)
        right = (features[LABEL] >= 0) & (features[LABEL] < classes)
        if plain:
            right &= count_pixels(image) <= max_pixels
        with tf.control_dependencies([tf.debugging.Assert(right, ["A record is wrong"])]):
            return {IMAGE: tf.identity(image), LABEL: label}

    return parse


def _decoder(
    plain: bool,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    max_pixels: int,
) -> Callable[[Record], tuple[tf.Tensor, tf.Tensor]]:
    fit, channels = image_fitter(input_shape, input_range), input_shape[2]
    if plain:
        read = or_empty(lambda content, _: decode_plain(content, channels))
    else:
        read = or_empty(content_reader(channels, max_pixels))

    def decode(record: Record) -> tuple[tf.Tensor, tf.Tensor]:
        image = read(record[IMAGE], record[_SHARD])
        named = _corrupt_unless(tf.size(image) > 0, record[_SHARD], record[_NUMBER])
        with tf.control_dependencies([named]):
            return fit(tf.identity(image)), record[LABEL]

    return decode


def _decoded(
    records: tf.data.Dataset, decode: Callable[..., Any], batch_size: int
) -> tf.data.Dataset:
    decoded = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return decoded.batch(batch_size)
