"""Real photographs through ImageNet's MobileNetV2: as a Keras model, a float and an int8 file."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_cv_course import MobileNetV2
from keras_cv_course.data import load_images
from keras_cv_course.tflite import TFLiteModel, convert

pytestmark = [pytest.mark.data, pytest.mark.slow]

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "transfer_flowers.py"
SHAPE = (224, 224, 3)
# Photograph, and its number among the 1000 classes of ImageNet.
NAMES = {
    "bird.bmp": 19,  # chickadee
    "cat.bmp": 285,  # Egyptian cat
    "dragonfly.bmp": 319,
    "grace_hopper.bmp": 652,  # military uniform
    "hot_dog.jpg": 934,
    "parrot.jpg": 88,  # macaw
    "sunflower.bmp": 985,  # daisy
}


@pytest.fixture(scope="module")
def model(shared):
    return MobileNetV2(weights=shared / "weights" / "mobilenet_v2_1.0_224.weights.h5")


@pytest.fixture(scope="module")
def photographs(shared):
    return load_images([shared / "data" / "coral_photos" / n for n in NAMES], SHAPE, (-1.0, 1.0))


def test_keras_model_names_the_photographs(model, photographs):
    assert model.predict(photographs, verbose=0).argmax(1).tolist() == list(NAMES.values())


def test_float_file_names_the_photographs(model, photographs, tmp_path):
    file = convert(model, tmp_path / "m.tflite", "none")
    assert TFLiteModel(file.path).predict(photographs).argmax(1).tolist() == list(NAMES.values())


def test_int8_file_names_the_photographs(model, photographs, shared, tmp_path):
    flowers = sorted((shared / "data" / "flowers17" / "train").rglob("*.jpg"))[::7]
    calibration = load_images(flowers, SHAPE, (-1.0, 1.0))
    file = convert(model, tmp_path / "m.tflite", "int8", "uint8", calibration)
    assert TFLiteModel(file.path).predict(photographs).argmax(1).tolist() == list(NAMES.values())


def test_a_short_transfer_learns_flowers_and_exports_them(shared, tmp_path, monkeypatch, capsys):
    arguments = {
        "--data": shared / "data" / "flowers17",
        "--weights": shared / "weights" / "mobilenet_v2_1.0_224.weights.h5",
        "--out": tmp_path,
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    monkeypatch.setattr(sys, "argv", ["transfer_flowers.py", *words, "--epochs", "3", "1"])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.keras", "model_none.tflite", "model_int8.tflite"}
    int8 = TFLiteModel(tmp_path / "model_int8.tflite")
    files = sorted((shared / "data" / "flowers17" / "val").rglob("*.jpg"))
    scores = int8.predict(load_images(files, SHAPE, (-1.0, 1.0)))
    right = [
        int8.class_names[i] == file.parent.name
        for i, file in zip(scores.argmax(1), files, strict=True)
    ]
    assert np.mean(right) > 0.7  # of 17 classes; the whole of it reaches 0.92
    assert "same decision" in capsys.readouterr().out
