"""The program `export/accelerator.py`, as a user runs it."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest
from PIL import Image

from keras_cv_course import MobileNet

pytestmark = pytest.mark.device

PROGRAM = Path(__file__).resolve().parents[2] / "export" / "accelerator.py"


@pytest.fixture
def trained(rng, tmp_path):
    """A saved model, and a folder of images."""
    keras.saving.save_model(MobileNet((32, 32, 3), alpha=0.25, classes=3), tmp_path / "m.keras")
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), "uint8")).save(folder / f"{i}.png")
    return tmp_path / "m.keras", folder


def run(*arguments):
    return subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True)


def test_table_has_a_row_for_each_accelerator(trained, tmp_path):
    model, images = trained
    out = tmp_path / "exported"
    names = ["ethos-u55-128", "ethos-u65-512"]
    options = ["--input-range", "-1", "1", "--out", out, "--accelerators", *names]
    done = run(model, "--images", images, *options)
    assert done.returncode == 0, done.stderr
    assert "internal compiler estimates" in done.stdout
    for name in names:
        (row,) = [line for line in done.stdout.splitlines() if name in line]
        assert "100.0%" in row
        assert b"ethos-u" in (out / f"m_{name}_vela.tflite").read_bytes()
    assert {p.name for p in out.iterdir()} == {
        "m_int8.tflite",
        *(f"m_{name}_vela.tflite" for name in names),
    }


def test_unknown_accelerator_ends_before_any_work(trained, tmp_path):
    model, images = trained
    done = run(model, "--images", images, "--accelerators", "ethos-u99")
    assert done.returncode == 2
    assert "ethos-u55-128" in done.stderr
