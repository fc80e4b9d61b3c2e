"""Images in shards: large files that are read from start to end, many at a time."""

import itertools
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cv_course._atomic import flush_to_disk, locked
from keras_cv_course._reading import parse_json, read_bytes
from keras_cv_course._validation import check_whole, shortened
from keras_cv_course.data.dataset import ImageDataset
from keras_cv_course.data.photographs import read_header, read_photograph

INDEX = "shards.json"
IMAGE, LABEL = "image/encoded", "image/class/label"
_FORMAT = 1
_SPLITS = ("train", "val", "test")
# No separators, of any system.
_NAME = re.compile(r"[^/\\\\:\0]+")
_NEEDED = {"name", "images", "size"}
_RENAMED = {"pictures": "images"}  # Keys of older indices.
_RECORD_FRAME = 16  # Bytes around the content of a TFRecord: its length and two checksums.


@dataclass(frozen=True)
class Shard:
    """One file of records.

    Attributes:
        name: Name of the file.
        images: Number of its records.
        size: Its bytes.
        plain: Whether all its images are upright JPEG or PNG files, as they are written now. In
            shards of earlier versions they may be of any kind, and turned by EXIF.
    """

    name: str
    images: int
    size: int
    plain: bool = False


def write_shards(
    data: ImageDataset,
    folder: str | os.PathLike[str],
    images_per_shard: int = 1000,
    seed: int = 0,
) -> Path:
    """Returns the index of the shards that it has written of all splits of a data set.

    A shard is a TFRecord file of `tf.train.Example`s with the keys "image/encoded" and
    "image/class/label", as ImageNet's are. Where images are upright JPEG or PNG files, shards
    hold their bytes as they are; others are encoded as PNG, with 256 values a channel. The index,
    `shards.json`, is written last: where it is, all shards are whole. If writing fails, what was
    written is removed.

    Args:
        data: Any of the data sets.
        folder: Where the files go; made where it is missing.
        images_per_shard: The most that a file holds. A shard is best 100 MB or more, and there
            are best several for each reader.
        seed: Decides which images of `train` share a shard; unshuffled it would hold few classes.

    Raises:
        FileExistsError: If the folder holds shards.
        BlockingIOError: If another process writes shards to it.
        OSError: If the disk is full or cannot be written to.
        ValueError: If `images_per_shard` is not positive, or an image cannot be read any more.

    Example:
        >>> write_shards(digits((32, 32, 1), (0.0, 255.0)), "digits_shards")
        >>> model.fit(sharded("digits_shards", (32, 32, 3), (-1.0, 1.0)).train)
    """
    check_whole("images_per_shard", images_per_shard)
    root = Path(folder).expanduser()
    root.mkdir(parents=True, exist_ok=True)
    with locked(root, "writes shards to"):
        if holds_shards(root):
            raise FileExistsError(
                f"{root} holds shards already. Remove it, or choose another folder."
            )
        return _write_all(data, root, images_per_shard, seed)


def _write_all(data: ImageDataset, root: Path, images_per_shard: int, seed: int) -> Path:
    written: list[Path] = []
    try:
        splits = {
            name: [
                vars(shard)
                for shard in _write_split(
                    root, name, _images(data, name, seed), images_per_shard, written
                )
            ]
            for name in _SPLITS
            if getattr(data, name) is not None
        }
        return _write_index(
            root / INDEX,
            {"format": _FORMAT, "class_names": list(data.class_names), "splits": splits},
        )
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _write_index(path: Path, index: dict[str, Any]) -> Path:
    # A name that cannot be guessed, and "x": a link that was planted there is not followed.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(json.dumps(index, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_to_disk(path.parent)
        return path
    finally:
        temporary.unlink(missing_ok=True)


def _images(data: ImageDataset, split: str, seed: int) -> Iterator[tuple[bytes, int]]:
    """Yields images as upright JPEG or PNG files, and their labels."""
    if split in data.files:
        paths, labels = data.files[split]
        rows = np.arange(len(paths))
        if split == "train":
            rows = np.random.default_rng(seed).permutation(rows)
        for row in rows:
            path = Path(paths[row])
            plain = read_header(path).plain
            yield path.read_bytes() if plain else _png(read_photograph(path)), int(labels[row])
        return
    low, high = data.input_range
    first_epoch = data.epochs.since(0).take(data.epochs.batches)
    for images, labels in first_epoch if split == "train" else getattr(data, split):
        pixels = tf.cast(tf.round((images - low) * (255.0 / (high - low))), tf.uint8)
        for image, label in zip(pixels, labels.numpy(), strict=True):
            yield _png(image), int(label)


def _png(image: np.ndarray | tf.Tensor) -> bytes:
    encoded: bytes = tf.io.encode_png(image).numpy()
    return encoded


def _write_split(
    root: Path,
    split: str,
    images: Iterator[tuple[bytes, int]],
    images_per_shard: int,
    written: list[Path],
) -> Iterator[Shard]:
    """Yields the shards of a split once each is on the disk; adds their paths to `written`."""
    for number in itertools.count():
        first = next(images, None)
        if first is None:
            return
        path = root / f"{split}-{number:05d}.tfrecord"
        rest = itertools.islice(images, images_per_shard - 1)
        path.unlink(missing_ok=True)  # A link there would be written through.
        written.append(path)
        yield _write_shard(path, itertools.chain((first,), rest))


def _write_shard(path: Path, images: Iterator[tuple[bytes, int]]) -> Shard:
    count = size = 0
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for image, label in images:
                example = _example(image, label)
                writer.write(example)
                count += 1
                size += len(example) + _RECORD_FRAME
        flush_to_disk(path)
    except (tf.errors.OpError, OSError) as error:
        raise OSError(f"The shard {path} cannot be written: {error}") from error
    if path.stat().st_size != size:
        raise OSError(
            f"The shard {path} has {path.stat().st_size:,} bytes instead of {size:,}. The disk "
            "may be full."
        )
    return Shard(path.name, count, size, plain=True)


def _example(image: bytes, label: int) -> bytes:
    features = {
        IMAGE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
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
        class_names, splits = _checked_index(parse_json(read_bytes(path), "it"))
    except ValueError as error:
        raise ValueError(f"{path} is not an index of shards: {error}") from error
    for shard in itertools.chain.from_iterable(splits.values()):
        file = folder / shard.name
        if not file.is_file():
            raise FileNotFoundError(f"The shard {file} is missing. Copy it again.")
        if file.stat().st_size != shard.size:
            raise ValueError(
                f"The shard {file} is corrupt: it has {file.stat().st_size:,} bytes instead of "
                f"{shard.size:,}. Copy it again."
            )
    return class_names, splits


def _checked_index(index: Any) -> tuple[tuple[str, ...], dict[str, list[Shard]]]:
    """Returns the content of an index file; raises ValueError where something in it is wrong."""
    if not isinstance(index, dict):
        raise ValueError(f"it must be a mapping, and is a {type(index).__name__}.")
    if index.get("format") != _FORMAT:
        raise ValueError(f"its format is {index.get('format')!r}, and {_FORMAT} is known.")
    names = index.get("class_names")
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ValueError("'class_names' must be a list of names.")
    splits = index.get("splits")
    if not isinstance(splits, dict) or not {"train", "val"} <= set(splits) <= set(_SPLITS):
        raise ValueError("'splits' must be a mapping with 'train' and 'val', and perhaps 'test'.")
    for name, shards in splits.items():
        if not isinstance(shards, list) or not shards:
            raise ValueError(f"the split {name!r} must be a list of at least one shard.")
    read = {name: [_checked_shard(row) for row in shards] for name, shards in splits.items()}
    return tuple(names), read


def _checked_shard(row: Any) -> Shard:
    if isinstance(row, dict):
        row = {_RENAMED.get(key, key): value for key, value in row.items()}
    if not isinstance(row, dict) or not _NEEDED <= set(row) <= {*_NEEDED, "plain"}:
        raise ValueError("a shard must be a mapping of 'name', 'images', 'size' and 'plain'.")
    name = row["name"]
    if not isinstance(name, str) or name in ("", ".", "..") or not _NAME.fullmatch(name):
        raise ValueError(f"a shard must be a file in the folder itself. Received: {name!r}.")
    for key in ("images", "size"):
        check_whole(key, row[key])
    if row["images"] * _RECORD_FRAME > row["size"]:
        raise ValueError(
            f"{name!r} cannot hold {shortened(row['images'])} images in {shortened(row['size'])} "
            "bytes."
        )
    if not isinstance(row.get("plain", False), bool):
        raise ValueError(f"'plain' must be true or false. Received: {row['plain']!r}.")
    return Shard(**row)
