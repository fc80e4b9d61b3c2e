import importlib.util

import keras
import numpy as np
import pytest
import yaml
from tiny_classifier import SHAPE

from keras_cv_course.networks.loading import load_model

OPTIONS = ["--imgsz", SHAPE[0], "--epochs", 2, "--batch", 64, "--lr0", 0.02, "--no-augment"]


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch):
    from keras_cv_course.tasks import classification

    def tiny(name, input_shape, classes, **_):
        x = image = keras.Input(input_shape)
        x = keras.layers.Conv2D(8, 3, 2, use_bias=False)(x)
        x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(momentum=0.9)(x))
        x = keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(x))
        return keras.Model(image, x)

    monkeypatch.setattr(classification, "build_model", tiny)


@pytest.mark.parametrize(
    "extra", [["--mixed-precision", "fp16", "--tensorboard"], ["--strategy", "mirrored"]]
)
def test_the_model_of_a_run_is_in_float32_for_one_device(keras_cv_course, tmp_path, extra):
    result = keras_cv_course("train", *OPTIONS, *extra, "--project", tmp_path, "--json")
    assert result.code == 0, result.err
    assert result.json["accuracy"] > 0.6
    run = tmp_path / "train"
    model = load_model(run / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert not any(getattr(layer, "synchronized", False) for layer in model.layers)
    assert (
        yaml.safe_load((run / "args.yaml").read_text())[extra[0][2:].replace("-", "_")] == extra[1]
    )
    events = list(run.glob("tensorboard/**/events.out.tfevents.*"))
    assert bool(events) == ("--tensorboard" in extra)
    accuracy = np.loadtxt(run / "results.csv", delimiter=",", skiprows=1)
    assert len(accuracy) == 2


def test_what_cannot_be_together_is_reported(keras_cv_course, tmp_path, monkeypatch):
    def refused(*options):
        result = keras_cv_course("train", *OPTIONS, *options, "--project", tmp_path / "runs")
        assert result.code == 1
        assert not (tmp_path / "runs").exists()
        return result.err

    error = refused("--qat", "--mixed-precision", "bf16")
    assert "rounding of int8 in float32" in error
    assert "Leave out one of --qat and --mixed-precision" in error
    assert "`mixed_precision` must be one of" in refused("--mixed-precision", "int8")
    assert "`strategy` must be one of" in refused("--strategy", "tpu")
    find = importlib.util.find_spec
    hidden = lambda name, *rest: None if name == "tensorboard" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    assert "pip install 'keras-cv-course[tensorboard]'" in refused("--tensorboard")
