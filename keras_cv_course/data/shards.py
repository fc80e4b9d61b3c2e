"""Pictures in shards: large files that are read from start to end, many at a time."""

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_cv_course._validation import check_whole
from keras_cv_course.data.dataset import ImageDataset

INDEX = "shards.json"
PICTURE, LABEL = "image/encoded", "image/class/label"
_FORMAT = 1
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Shard:
    """One file of records.

    Attributes:
        name: Name of the file.
        pictures: Number of its records.
        size: Its bytes.
    """

    name: str
    pictures: int
    size: int


def write_shards(
    data: ImageDataset,
    folder: str | os.PathLike[str],
    pictures_per_shard: int = 1000,
    seed: int = 0,
) -> Path:
    """Returns the index of the shards that it has written of all splits of a data set.

    A shard is a TFRecord file of `tf.train.Example`s with the keys "image/encoded" and
    "image/class/label", as ImageNet's are. Where pictures are files, shards hold their bytes as
    they are; others are encoded as PNG, rounded to 256 values a channel. The index, `shards.json`,
    is written last: where it is, all shards are whole.

    Args:
        data: Any of the data sets.
        folder: Where the files go; made where it is missing.
        pictures_per_shard: The most that a file holds. A shard is best 100 MB or more, and there
            are best several for each reader.
        seed: Decides which pictures of `train` share a shard; unshuffled it would hold few classes.

    Raises:
        FileExistsError: If the folder holds shards.
        ValueError: If `pictures_per_shard` is not positive.

    Example:
        >>> write_shards(digits((32, 32, 1), (0.0, 255.0)), "digits_shards")
        >>> model.fit(sharded("digits_shards", (32, 32, 3), (-1.0, 1.0)).train)
    """
    check_whole("pictures_per_shard", pictures_per_shard)
    root = Path(folder).expanduser()
    if holds_shards(root):
        raise FileExistsError(f"{root} holds shards already. Remove it, or choose another folder.")
    root.mkdir(parents=True, exist_ok=True)
    splits = {
        name: [
            vars(shard)
            for shard in _write_split(root, name, _pictures(data, name, seed), pictures_per_shard)
        ]
        for name in _SPLITS
        if getattr(data, name) is not None
    }
    index = {"format": _FORMAT, "class_names": list(data.class_names), "splits": splits}
    temporary = root / f".writing.{INDEX}"
    temporary.write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    return temporary.replace(root / INDEX)


def _pictures(data: ImageDataset, split: str, seed: int) -> Iterator[tuple[bytes, int]]:
    """Yields pictures in a common format, and their labels."""
    if split in data.files:
        paths, labels = data.files[split]
        rows = np.arange(len(paths))
        if split == "train":
            rows = np.random.default_rng(seed).permutation(rows)
        for row in rows:
            yield Path(paths[row]).read_bytes(), int(labels[row])
        return
    low, high = data.input_range
    first_epoch = data.epochs.since(0).take(data.epochs.batches)
    for images, labels in first_epoch if split == "train" else getattr(data, split):
        pixels = tf.cast(tf.round((images - low) * (255.0 / (high - low))), tf.uint8)
        for picture, label in zip(pixels, labels.numpy(), strict=True):
            yield tf.io.encode_png(picture).numpy(), int(label)


def _write_split(
    root: Path, split: str, pictures: Iterator[tuple[bytes, int]], pictures_per_shard: int
) -> Iterator[Shard]:
    for number in itertools.count():
        first = next(pictures, None)
        if first is None:
            return
        path, count = root / f"{split}-{number:05d}.tfrecord", 0
        with tf.io.TFRecordWriter(str(path)) as writer:
            for picture, label in itertools.chain(
                (first,), itertools.islice(pictures, pictures_per_shard - 1)
            ):
                writer.write(_example(picture, label))
                count += 1
        yield Shard(path.name, count, path.stat().st_size)


def _example(picture: bytes, label: int) -> bytes:
    features = {
        PICTURE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture])),
        LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    encoded: bytes = example.SerializeToString()
    return encoded


def holds_shards(folder: str | os.PathLike[str]) -> bool:
    """Returns whether a folder is one of shards."""
    return (Path(folder).expanduser() / INDEX).is_file()


def read_index(folder: Path) -> tuple[tuple[str, ...], dict[str, list[Shard]]]:
    """Returns the class names, and the shards by split, of a folder whose shards are all there.

    Raises:
        FileNotFoundError: If the index, or a shard that it names, is missing.
        ValueError: If the index is not one, or a shard has another size than when it was written.
    """
    path = folder / INDEX
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no shards: there is no {INDEX} in it.")
    try:
        index = json.loads(path.read_text("utf-8"))
        if index["format"] != _FORMAT:
            raise ValueError(f"its format is {index['format']}, and {_FORMAT} is known.")
        splits = {
            name: [Shard(**shard) for shard in shards] for name, shards in index["splits"].items()
        }
        class_names = tuple(index["class_names"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no index of shards: {error}") from error
    for shard in (shard for shards in splits.values() for shard in shards):
        file = folder / shard.name
        if not file.is_file():
            raise FileNotFoundError(f"The shard {file} is missing. Copy it again.")
        if file.stat().st_size != shard.size:
            raise ValueError(
                f"The shard {file} is corrupt: it has {file.stat().st_size:,} bytes in place of "
                f"{shard.size:,}. Copy it again."
            )
    return class_names, splits
