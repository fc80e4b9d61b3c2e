"""Segmentation through every command."""

from functools import partial

import numpy as np
import pytest
from PIL import Image

import keras_cv_course as kcc
from keras_cv_course.data.shapes import DrawnScenes
from keras_cv_course.tasks import segmentation_data
from keras_cv_course.training.fitting import Checkpoint

SMALL = ("--backbone", "none", "--imgsz", 32, "--filters", 4, "--levels", 1, "--batch", 8)


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(segmentation_data, "_SCENES", {"train": 24, "val": 6})


@pytest.mark.slow
def test_a_run_goes_through_every_command(keras_cv_course, tmp_path, monkeypatch):
    end = Checkpoint.on_epoch_end

    def broken_off(self, epoch, logs=None):
        end(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    train = partial(keras_cv_course, "train", "--project", tmp_path, "--deterministic")
    line = ("--task", "segment", *SMALL, "--epochs", 3, "--qat", "--qat-epochs", 1)
    whole = train(*line, "--name", "whole", "--json").json
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", broken_off)
        assert train(*line, "--name", "a").code == 130
    resumed = keras_cv_course("train", "--project", tmp_path, "--resume", "--json").json
    assert resumed.pop("run") == str(tmp_path / "a")
    del whole["run"]
    assert resumed == whole
    assert {"mean_iou", "pixel_accuracy", "boundary_f1", "val_mean_iou"} <= set(whole)
    assert whole["qat"]["mean_iou"] == pytest.approx(whole["mean_iou"], abs=0.1)
    run = tmp_path / "a"
    assert {"predictions.png", "results.png", "train_batch.png"} <= {p.name for p in run.iterdir()}

    report = keras_cv_course("evaluate", run, "--json").json
    assert report["mean_iou"] == pytest.approx(whole["mean_iou"])
    assert report["classes"][0]["name"] == "background"

    Image.fromarray(DrawnScenes(1, (40, 60), seed=9)[0].image).save(tmp_path / "photo.png")
    rows = keras_cv_course(
        "predict", run, tmp_path / "photo.png", "--out", tmp_path / "o", "--json"
    ).json
    assert sum(row["pixels"] for row in rows[0]["classes"]) == 40 * 60
    mask = Image.open(tmp_path / "o/photo_mask.png")
    assert (mask.mode, mask.size) == ("P", (60, 40))
    assert (tmp_path / "o/photo_overlay.png").is_file()
    result = kcc.load(run)(tmp_path / "photo.png")
    np.testing.assert_array_equal(np.asarray(mask), result.mask)

    for name in ("model", "model_qat"):
        exported = keras_cv_course("export", run / f"{name}.keras", "--json").json
        compared = keras_cv_course(
            "compare", run / f"{name}.keras", exported["path"], "--limit", 4, "--json"
        ).json["compared"]
        assert compared[1]["mean_iou"] == pytest.approx(compared[0]["mean_iou"], abs=0.1)
    labels = keras_cv_course(
        "export", run / "model.keras", "--argmax", "--out", tmp_path / "labels.tflite", "--json"
    ).json
    file = kcc.load(labels["path"])
    image = DrawnScenes(1, (32, 32), seed=9)[0].image  # of the input's size: nothing is enlarged
    np.testing.assert_array_equal(file(image).mask, kcc.load(run / "model_int8.tflite")(image).mask)
    assert file(image).class_names == result.class_names
    assert keras_cv_course("evaluate", run / "model_int8.tflite").code == 0


def test_data_that_has_changed_is_refused(keras_cv_course, tmp_path):
    assert "must be one of" in keras_cv_course("train", "--task", "segment", "--model", "u").err
    line = ("train", "--task", "segment", "--data", tmp_path, "--project", tmp_path)
    assert "It is in none" in keras_cv_course(*line).err
    assert "has no --nms" in keras_cv_course(*line, "--stride", 16).err.replace("--stride", "--nms")


@pytest.mark.slow
def test_the_demo_ends_in_files(keras_cv_course, tmp_path):
    words = ("demo", "segment", "--epochs", 1, "--project", tmp_path, "--name", "d", "--json")
    report = keras_cv_course(*words).json
    assert [row["file"] for row in report["exported"]] == [
        "model_float32.tflite",
        "model_int8.tflite",
    ]
    assert report["exported"][0]["agreement"] > 0.99
    assert report["exported"][1]["mean_iou"] == pytest.approx(report["mean_iou"], abs=0.1)
