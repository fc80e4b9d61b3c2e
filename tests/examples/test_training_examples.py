"""The programs of the training pages, run as a user runs them."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from keras_cv_course import load_model

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(monkeypatch, name, *words):
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_tricks_are_compared_and_the_comparison_goes_on(tmp_path, monkeypatch, capsys):
    words = ("--epochs", 1, "--out", tmp_path)
    run(monkeypatch, "training_tricks.py", *words, "--seeds", 0)
    printed = capsys.readouterr().out
    assert "the network learns" in printed
    assert "| + mixup |" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"rates.png", "tricks.jsonl", "tricks.png"}
    records = [json.loads(line) for line in (tmp_path / "tricks.jsonl").read_text().splitlines()]
    assert [record["recipe"]["mixup"] for record in records] == [0, 0, 0, 0.2]


@pytest.mark.data
def test_flowers_are_distinguished_by_features_of_several_depths(
    shared, tmp_path, monkeypatch, capsys
):
    words = {
        "--data": shared / "data" / "flowers17",
        "--weights": shared / "weights" / "mobilenet_v2_1.0_224.weights.h5",
        "--out": tmp_path / "model.keras",
        "--way": "depths",
    }
    run(monkeypatch, "transfer_learning.py", *(word for pair in words.items() for word in pair))
    printed = capsys.readouterr().out
    assert "646 images of 17 classes" in printed
    assert float(printed.split("val accuracy ")[1].split(",")[0]) > 0.88
    assert load_model(tmp_path / "model.keras").output_shape == (None, 17)
