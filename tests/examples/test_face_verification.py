import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_cv_course.data import digit_people
from keras_cv_course.faces import FaceVerifier
from keras_cv_course.tflite import TFLiteModel

EXAMPLE = Path(__file__).parents[2] / "examples" / "face_verification.py"
FILES = {"encoder.keras", "encoder.tflite", "roc.png", "verification.json", "verification.npz"}


def run(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *map(str, options)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")


@pytest.mark.slow
def test_on_digits(tmp_path, monkeypatch, capsys):
    run(monkeypatch, "--out", tmp_path, "--epochs", 2)
    printed = capsys.readouterr().out
    split = re.search(r"learns on 6, decides by (.*), is tried on (.*)", printed)
    deciding, unseen = (set(re.findall(r"\d", part)) for part in split.groups())
    assert (len(deciding), len(unseen), len(deciding | unseen)) == (2, 2, 4)
    assert printed.count("Verification(similarity=") == 2
    assert {path.name for path in tmp_path.iterdir()} == FILES
    record = json.loads((tmp_path / "verification.json").read_text())
    assert record["report"]["genuine"] + record["report"]["impostor"] > 60_000
    # The file and the threshold are all that a verifier needs.
    images = digit_people().load((28, 28, 1), (0.0, 1.0))[:2]
    verifier = FaceVerifier(TFLiteModel(tmp_path / "encoder.tflite"), record["threshold"])
    assert verifier.verify(images[0], images[0]).same


@pytest.mark.slow
def test_on_a_folder_of_people(tmp_path, monkeypatch, capsys, rng):
    for name in "abcdefghij":
        pattern = rng.uniform(0, 200, (40, 40, 3))
        for i in range(4):
            path = tmp_path / "people" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noisy = pattern + rng.uniform(0, 50, pattern.shape)
            Image.fromarray(noisy.astype(np.uint8)).save(path)
    small = ("--size", 64, "--alpha", 0.35, "--weights", "none", "--epochs", 1, "--far", 0.1)
    run(monkeypatch, "--data", tmp_path / "people", "--out", tmp_path / "out", *small)
    assert "learns on 6, decides by" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
