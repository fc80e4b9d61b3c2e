"""The program `export/browser.py`, as a user runs it, and the page that it writes."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import toy_networks
from browser_driver import drive, node_modules
from PIL import Image

from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.tflite.tensors import dequantize

pytestmark = pytest.mark.device

PROGRAM = Path(__file__).resolve().parents[2] / "export" / "browser.py"
NAMES = ("red fox", "green frog", "blue whale")


@pytest.fixture
def trained(tmp_path):
    """A saved model, a folder with an image a class, and a file of names."""
    toy = toy_networks.classifier()
    keras.saving.save_model(toy.model, tmp_path / "m.keras")
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(toy.images):
        Image.fromarray(image).save(folder / f"{i}.png")
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n")
    return tmp_path / "m.keras", folder, tmp_path / "names.txt"


def run(*arguments):
    return subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True)


def test_page_answers_like_the_file(trained, tmp_path):
    model, images, labels = trained
    out = tmp_path / "page"
    options = ["--labels", labels, "--input-range", "-1", "1", "--runtime", node_modules()]
    done = run(model, "--images", images, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"python -m http.server --bind 127.0.0.1 --directory {out}" in done.stdout

    steps = [["visit", "index.html"], ["wait", "html[data-ready]"]]
    files = sorted(images.iterdir())
    for file in files:
        steps += [["choose", file], ["wait", "html[data-result]"]]
        steps += [["result", ""], ["text", "#answer"]]
    seen = drive(out, [*steps, ["text", "#title"]])
    *answers, title = seen.answers
    assert title == "m"  # as the .keras file
    file = TFLiteModel(out / "model.tflite")
    assert file.inputs[0].dtype == "uint8"
    pixels = np.stack([np.asarray(Image.open(file)) for file in files])
    expected = file.predict(dequantize(pixels, file.inputs[0]))
    # Kernels of another processor: a step of the output at most.
    np.testing.assert_allclose(answers[::2], expected, atol=1.01 * file.outputs[0].scale)
    assert answers[1::2] == list(NAMES)
    assert seen.outside == []


def test_model_without_images_ends_before_any_work(trained, tmp_path):
    done = run(trained[0], "--out", tmp_path / "page")
    assert done.returncode != 0
    assert "needs `images`" in done.stderr
    assert not (tmp_path / "page").exists()
