import json

import numpy as np
import pytest
import tensorflow as tf
from image_files import class_folders

from keras_cv_course.data import (
    as_arrays,
    digits,
    image_folder,
    shard_reader,
    sharded,
    write_shards,
)

PIXELS = (0.0, 255.0)


@pytest.fixture(scope="module")
def source():
    return digits((8, 8, 1), PIXELS, 64)


@pytest.fixture(scope="module")
def written(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write_shards(source, folder, images_per_shard=200)
    return folder


@pytest.fixture
def broken(written, tmp_path):
    """A copy that a test may break."""
    for path in written.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def as_rows(arrays):
    images, labels = arrays
    return sorted((int(y), x.round().tobytes()) for x, y in zip(images, labels, strict=True))


def test_all_images_come_back_in_their_splits(source, written):
    read = sharded(written, (8, 8, 1), PIXELS, batch_size=100)
    assert read.class_names == source.class_names
    for split in ("train", "val", "test"):
        ours, theirs = as_arrays(getattr(read, split)), as_arrays(getattr(source, split))
        assert as_rows(ours) == as_rows(theirs)
        assert (ours[0].dtype, ours[1].dtype) == (np.float32, np.int32)
    assert len(list(written.glob("train-*"))) == 7  # 1,257 images
    assert read.epochs.batches == int(read.train.cardinality()) == 13
    assert int(read.val.cardinality()) == 2
    np.testing.assert_array_equal(as_arrays(read.val)[1], as_arrays(source.val)[1])


def test_the_order_follows_seed_and_epoch_and_mixes_shards(written, monkeypatch):
    monkeypatch.setattr(shard_reader, "_WINDOW", 100)

    def labels(epoch, seed=0, count=13):
        data = sharded(written, (8, 8, 1), PIXELS, batch_size=100, seed=seed)
        return as_arrays(data.epochs.since(epoch).take(count))[1].tolist()

    two = labels(0, count=26)
    assert two[1257:] == labels(1)
    assert two[:1257] != two[1257:]
    assert labels(0, seed=1) != two[:1257]
    shards = [[], []]
    for epoch in (0, 1):
        data = sharded(written, (8, 8, 1), PIXELS, batch_size=100)
        shards[epoch] = as_arrays(data.epochs.since(epoch).take(13))[0].sum((1, 2, 3))
    assert not np.array_equal(shards[0], shards[1])
    np.testing.assert_allclose(np.sort(shards[0]), np.sort(shards[1]))


def test_files_are_kept_as_they_are_and_fit_another_size(tmp_path):
    folder = class_folders(tmp_path / "d")
    source = image_folder(folder, (8, 8, 3), (-1.0, 1.0), seed=1)
    index = write_shards(source, tmp_path / "shards", images_per_shard=5)
    facts = json.loads(index.read_text())
    assert facts["class_names"] == ["blue", "green", "red"]
    assert [shard["images"] for shard in facts["splits"]["train"]] == [5, 5, 2]
    records = tf.data.TFRecordDataset(str(tmp_path / "shards" / "val-00000.tfrecord"))
    stored = tf.train.Example.FromString(next(iter(records)).numpy())
    content = stored.features.feature["image/encoded"].bytes_list.value[0]
    assert content in {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    same = sharded(tmp_path / "shards", (8, 8, 3), (-1.0, 1.0))
    for split in ("train", "val"):
        assert as_rows(as_arrays(getattr(same, split))) == as_rows(
            as_arrays(getattr(source, split))
        )
    assert as_arrays(sharded(tmp_path / "shards", (5, 7, 1), PIXELS).val)[0].shape == (3, 5, 7, 1)


def test_an_index_of_an_older_version_is_read(source, broken):
    index = broken / "shards.json"
    index.write_text(index.read_text().replace('"images"', '"pictures"'))
    shape = (8, 8, 1)
    assert len(as_arrays(sharded(broken, shape, PIXELS).val)[1]) == len(as_arrays(source.val)[1])


@pytest.mark.parametrize("place", [0.0, 0.5])
def test_a_corrupt_shard_is_named_where_it_is_read(broken, place):
    path = broken / "train-00002.tfrecord"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0xFF
    path.write_bytes(content)
    data = sharded(broken, (8, 8, 1), PIXELS)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"train-00002.tfrecord.*is corrupt"):
        as_arrays(data.train)


def test_a_missing_or_short_shard_is_named_before_training(broken):
    path = broken / "val-00000.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match=r"val-00000.tfrecord is corrupt: it has .* instead of"):
        sharded(broken, (8, 8, 1), PIXELS)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"val-00000.tfrecord is missing"):
        sharded(broken, (8, 8, 1), PIXELS)


def test_bad_folders_are_refused(source, broken, tmp_path):
    with pytest.raises(FileExistsError, match="holds shards already"):
        write_shards(source, broken)
    with pytest.raises(ValueError, match="`images_per_shard`"):
        write_shards(source, tmp_path / "none", images_per_shard=0)
    with pytest.raises(FileNotFoundError, match=r"no shards\.json"):
        sharded(tmp_path / "none", (8, 8, 1), PIXELS)
    index = broken / "shards.json"
    facts = json.loads(index.read_text())
    index.write_text(json.dumps({**facts, "format": 2}))
    with pytest.raises(ValueError, match="its format is 2, and 1 is known"):
        sharded(broken, (8, 8, 1), PIXELS)
    index.write_text("{")
    with pytest.raises(ValueError, match="is not an index of shards"):
        sharded(broken, (8, 8, 1), PIXELS)
