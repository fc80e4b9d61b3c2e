"""Run folders and files that version 0.1.0 wrote before models carried their meaning."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_cv_course.tasks import classification
from keras_cv_course.tasks.classification_args import Args as ClassificationArgs
from keras_cv_course.tasks.detection_args import Args as DetectionArgs
from keras_cv_course.tasks.opening import load, open_model
from keras_cv_course.training.run_folder import open_run

STORED = Path(__file__).parents[1] / "stored"
SHAPES = ("circle", "square", "triangle", "cross")


@pytest.mark.parametrize("name", ["model.keras", "model_float32.tflite"])
def test_a_classifier_is_read_with_what_its_run_recorded(name):
    opened = open_model(STORED / "classify" / name)
    assert opened.task.name == "classify"
    assert opened.spec.class_names == tuple("0123456789")
    assert opened.spec.input_range == (-1.0, 1.0)
    assert opened.spec.resize == "crop"
    result = load(STORED / "classify" / name, top=3)(np.zeros((20, 30), np.uint8))
    assert len(result.to_dict()["classes"]) == 3


@pytest.mark.parametrize("name", ["model.keras", "model_float32.tflite"])
def test_a_detector_is_read_with_what_its_run_recorded(name):
    opened = open_model(STORED / "detect" / name)
    assert opened.task.name == "detect"
    assert opened.spec.class_names == SHAPES
    assert opened.spec.input_range == (-1.0, 1.0)
    result = load(STORED / "detect" / name)(np.zeros((50, 80, 3), np.uint8))
    assert result.boxes.shape == (len(result), 4)


def test_arguments_of_older_runs_are_read():
    args = ClassificationArgs.from_yaml(open_run(STORED / "classify").load_args())
    assert (args.imgsz, args.recipe.learning_rate, args.recipe.patience) == (16, 0.02, 0)
    args = DetectionArgs.from_yaml(open_run(STORED / "detect").load_args())
    assert (args.imgsz, args.batch, args.recipe.epochs) == (64, 4, 1)
    # Drawn shapes were mirrored, and nothing else.
    assert (args.recipe.flip, args.recipe.zoom, args.recipe.colour) == (True, 0.0, False)
    args = DetectionArgs.from_yaml(
        open_run(STORED / "detect").load_args() | {"data": "bccd", "augment": True}
    )
    assert (args.recipe.flip, args.recipe.zoom, args.recipe.colour) == (True, 0.5, True)


def test_an_interrupted_run_goes_on(keras_cv_course, tmp_path, monkeypatch):
    def tiny(name, input_shape, classes, **_):
        x = image = keras.Input(input_shape, name="image")
        x = keras.layers.Conv2D(8, 3, 2, use_bias=False)(x)
        x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(momentum=0.9)(x))
        x = keras.layers.GlobalAveragePooling2D()(x)
        x = keras.layers.Dense(classes, activation="softmax", name="predictions")(x)
        return keras.Model(image, x)

    monkeypatch.setattr(classification, "build_model", tiny)
    shutil.copytree(STORED / "broken", tmp_path / "broken")
    result = keras_cv_course("train", "--resume", "--project", tmp_path, "--name", "broken")
    assert result.code == 0, result.err
    rows = (tmp_path / "broken/results.csv").read_text().splitlines()
    names, first = (STORED / "broken/results.csv").read_text().splitlines()
    assert rows[:2] == [names, f"1{first.removeprefix('0')}"]  # The old table counts from 0.
    assert len(rows) == 3
    assert open_model(tmp_path / "broken").spec.class_names == tuple("0123456789")
