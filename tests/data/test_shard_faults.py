"""Shards that are wrong, hostile or cut off are named, wherever that shows."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from image_files import class_folders
from PIL import Image

from keras_cv_course._atomic import locked
from keras_cv_course.data import as_arrays, image_folder, sharded, write_shards
from keras_cv_course.data import shards as shards_module
from keras_cv_course.data.shard_reader import corrupt_shards_named

SHAPE, PIXELS = (8, 8, 3), (0.0, 255.0)


@pytest.fixture
def source(tmp_path):
    return image_folder(class_folders(tmp_path / "d"), SHAPE, PIXELS)


@pytest.fixture
def written(source, tmp_path):
    return write_shards(source, tmp_path / "shards", images_per_shard=5).parent


def change(folder, **changes):
    index = folder / "shards.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | changes))


def shard(**changes):
    return [{"name": "train-00000.tfrecord", "images": 5, "size": 900, **changes}]


def splits(**changes):
    return {"splits": {"train": shard(), "val": shard()} | changes}


WRONG = {
    "no train": ({"splits": {"val": shard()}}, "'splits' must be a mapping with 'train' and 'val'"),
    "no val": ({"splits": {"train": shard()}}, "'splits' must be a mapping with 'train' and 'val'"),
    "a list for a mapping": ({"splits": [shard()]}, "'splits' must be a mapping"),
    "an unknown split": (splits(more=shard()), "'splits' must be a mapping"),
    "no shard": (splits(train=[]), "'train' must be a list of at least one shard"),
    "a mapping for a list": (splits(train={}), "'train' must be a list of at least one shard"),
    "no images": (splits(train=shard(images=0)), "`images` must be a whole number above 0"),
    "false images": (splits(train=shard(images=False)), "`images` must be a whole number"),
    "too many images": (splits(train=shard(images=10**30)), "cannot hold .* images in 900 bytes"),
    "no size": (splits(train=shard(size=None)), "`size` must be a whole number"),
    "no name": (splits(train=[{"images": 5, "size": 9}]), "a shard must be a mapping of 'name'"),
    "another field": (splits(train=shard(more=1)), "a shard must be a mapping of 'name'"),
    "outside": (splits(train=shard(name="../outside.tfrecord")), "a file in the folder itself"),
    "absolute": (splits(train=shard(name="/etc/passwd")), "a file in the folder itself"),
    "of Windows": (splits(train=shard(name="..\\outside")), "a file in the folder itself"),
    "the folder": (splits(train=shard(name="..")), "a file in the folder itself"),
    "no text": (splits(train=shard(name=7)), "a file in the folder itself"),
    "plain": (splits(train=shard(plain="yes")), "'plain' must be true or false"),
    "no classes": ({"class_names": []}, "'class_names' must be a list of names"),
    "classes": ({"class_names": "blue"}, "'class_names' must be a list of names"),
    "class": ({"class_names": [1, 2, 3]}, "'class_names' must be a list of names"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_index_is_named_before_a_shard_is_read(written, kind):
    changes, message = WRONG[kind]
    change(written, **changes)
    with pytest.raises(ValueError, match=rf"shards\.json is not an index of shards: .*{message}"):
        sharded(written, SHAPE, PIXELS)


@pytest.mark.parametrize("content", [b"[]", b"[" * 100_000, b"\xff\xfe{", b"", b"null"])
def test_an_index_that_is_no_mapping_is_named(written, content):
    (written / "shards.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"shards\.json is not an index of shards"):
        sharded(written, SHAPE, PIXELS)


def example(image, label, **more):
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


PNG = tf.io.encode_png(np.zeros((4, 4, 3), np.uint8)).numpy()
NOISE = tf.io.encode_jpeg(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).numpy()
LARGE = PNG[:16] + (13_000).to_bytes(4, "big") * 2 + PNG[24:]
RECORDS = {
    "no example": b"no example",
    "no field": b"",
    "a label below": example(PNG, -1),
    "a label above": example(PNG, 3),
    "a large label": example(PNG, 2**32),
    "no image": example(b"no image", 0),
    "an empty image": example(b"", 0),
    "an image too large": example(LARGE, 0),
    "half an image": example(NOISE[: len(NOISE) // 2], 0),
}


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(
    ("kind", "split", "place"),
    [
        *((kind, "val", 1) for kind in RECORDS),
        ("no example", "train", 0),
        ("half an image", "train", 2),
    ],
)
def test_a_wrong_record_is_named_with_its_shard(written, kind, split, place, plain):
    path = written / f"{split}-00000.tfrecord"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i, record in enumerate(records):
            writer.write(RECORDS[kind] if i == place else record)
    index = json.loads((written / "shards.json").read_text())
    index["splits"][split][0] |= {"size": path.stat().st_size, "plain": plain}
    (written / "shards.json").write_text(json.dumps(index))
    data = sharded(written, SHAPE, PIXELS)
    message = rf"The shard {path} is corrupt at record {place}\. Copy it again"
    with pytest.raises(ValueError, match=message), corrupt_shards_named():
        as_arrays(getattr(data, split))


def test_fewer_records_than_the_index_says_are_named(written):
    index = json.loads((written / "shards.json").read_text())
    index["splits"]["val"][0]["images"] = 5
    (written / "shards.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="is corrupt at record 3"), corrupt_shards_named():
        as_arrays(sharded(written, SHAPE, PIXELS).val)


def test_shards_hold_upright_images(tmp_path):
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a", "b"):
        (tmp_path / "d" / name).mkdir(parents=True)
        turned = Image.fromarray(np.rot90(upright))
        turned.save(tmp_path / "d" / name / "0.jpg", exif=exif, quality=100, subsampling=0)
        turned.save(tmp_path / "d" / name / "1.webp", exif=exif, lossless=True)
        Image.fromarray(upright).quantize(2).save(tmp_path / "d" / name / "2.bmp")
        Image.fromarray(upright).save(tmp_path / "d" / name / "3.png")
    source = image_folder(tmp_path / "d", SHAPE, PIXELS)
    folder = write_shards(source, tmp_path / "shards").parent
    read = sharded(folder, SHAPE, PIXELS)
    for split in (read.train, read.val):
        for image in as_arrays(split)[0]:
            np.testing.assert_allclose(image, upright, atol=2)


def test_shards_of_earlier_versions_are_read_by_each_header(tmp_path, source, written):
    """They hold any files as they were, and their index does not say that these are plain."""
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / "p.png", exif=exif)
    Image.fromarray(upright).quantize(2).save(tmp_path / "p.bmp")
    index = json.loads((written / "shards.json").read_text())
    for split, name in (("train", "p.png"), ("val", "p.bmp")):
        path = written / f"{split}.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(example((tmp_path / name).read_bytes(), 1))
        index["splits"][split] = [
            {"name": path.name, "images": 1, "size": path.stat().st_size},
        ]
    (written / "shards.json").write_text(json.dumps(index))
    data = sharded(written, SHAPE, PIXELS)
    for split in (data.train, data.val):
        np.testing.assert_array_equal(as_arrays(split)[0][0], upright)


def test_a_write_that_fails_leaves_nothing_and_can_be_done_again(source, tmp_path, monkeypatch):
    folder = tmp_path / "shards"
    calls = itertools.count()

    class Full(tf.io.TFRecordWriter):
        """Loses what it is given from the third shard on, as a full disk may."""

        def write(self, record):
            if self.number < 2:
                super().write(record)

        def __init__(self, path):
            self.number = next(calls)
            super().__init__(path)

    with monkeypatch.context() as context:
        context.setattr(shards_module.tf.io, "TFRecordWriter", Full)
        with pytest.raises(OSError, match=r"train-00002\.tfrecord has 0 bytes instead of"):
            write_shards(source, folder, images_per_shard=5)
    assert list(folder.iterdir()) == []
    write_shards(source, folder, images_per_shard=5)
    assert len(as_arrays(sharded(folder, SHAPE, PIXELS).train)[1]) == 12


def test_shards_are_on_the_disk_before_the_index_that_names_them(source, tmp_path, monkeypatch):
    flushed = []
    fsync = os.fsync

    def recorded(descriptor):
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    write_shards(source, tmp_path / "shards")
    assert flushed[:2] == ["train-00000.tfrecord", "val-00000.tfrecord"]
    assert flushed[2].startswith(".shards.json.")
    assert flushed[3:] == ["shards"]


def test_two_processes_do_not_write_shards_to_one_folder(source, tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    message = r"Another process writes shards to .*shards"
    with locked(folder, "writes"), pytest.raises(BlockingIOError, match=message):
        write_shards(source, folder)
    assert list(folder.iterdir()) == []


def test_links_that_were_planted_are_not_written_through(source, tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in ("train-00000.tfrecord", ".writing.shards.json"):
        (folder / name).symlink_to(precious)
    write_shards(source, folder)
    assert precious.read_text() == "mine"
    assert not (folder / "train-00000.tfrecord").is_symlink()
    assert (folder / "shards.json").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
