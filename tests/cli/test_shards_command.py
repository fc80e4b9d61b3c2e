import pytest
from tiny_classifier import tiny


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch):
    from keras_cv_course.tasks import classification

    monkeypatch.setattr(classification, "build_model", lambda name, **options: tiny(**options))


def test_shards_are_written_trained_on_and_a_broken_one_is_named(keras_cv_course, tmp_path):
    folder = tmp_path / "shards"
    result = keras_cv_course("shards", folder, "--data", "digits", "--per-shard", 500, "--json")
    assert result.code == 0, result.err
    assert result.json["splits"][0] | {"bytes": 0} == {
        "split": "train",
        "shards": 3,
        "images": 1257,
        "bytes": 0,
    }
    options = ["--imgsz", 16, "--epochs", 2, "--batch", 64, "--lr0", 0.02, "--no-augment"]
    line = ["train", "--data", folder, *options, "--project", tmp_path / "runs"]
    result = keras_cv_course(*line, "--json")
    assert result.code == 0, result.err
    assert result.json["accuracy"] > 0.7
    assert result.json["images"] == 360
    again = keras_cv_course("evaluate", tmp_path / "runs" / "train" / "model.keras", "--json")
    assert again.json["accuracy"] == pytest.approx(result.json["accuracy"])
    assert "shards" in keras_cv_course("shards", folder).err
    shard = folder / "train-00001.tfrecord"
    content = bytearray(shard.read_bytes())
    content[1000] ^= 0xFF
    shard.write_bytes(content)
    result = keras_cv_course(*line)
    assert result.code == 1
    assert "train-00001.tfrecord is corrupt" in result.err.replace("\n", " ")
