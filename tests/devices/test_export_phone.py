"""The program `export/phone.py`, as a user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_cv_course.devices.mediapipe import PYTHON_VARIABLE, VERSION, find_python
from keras_cv_course.tflite import TFLiteModel, convert

pytestmark = pytest.mark.device

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "export" / "phone.py"
NAMES = ("alder", "birch", "cedar", "dogwood")
IMAGES = 6
FILES = {"own_uint8.tflite", "own_float16.tflite"}
# A Python of MediaPipe whose answers give the best class of each image the last one's label.
SWAPPED = """#!{python}
import subprocess, sys
import numpy as np
subprocess.run([{python!r}, *sys.argv[1:]], check=True)
answers = dict(np.load(sys.argv[-2]))
for key, labels in answers.items():
    if key.endswith("/label"):
        labels[[0, -1]] = labels[[-1, 0]]
np.savez(sys.argv[-2], **answers)
"""


@pytest.fixture(scope="module")
def python():
    return find_python(ROOT)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Command-line arguments for a saved classifier, images and names."""
    folder = tmp_path_factory.mktemp("own")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(8, 3, 2, activation="relu6")(inputs)
    x = keras.layers.Dense(len(NAMES))(keras.layers.GlobalAveragePooling2D()(x))
    keras.Model(inputs, keras.layers.Softmax(name="scores")(4 * x)).save(folder / "own.keras")
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 1, 1, 3), np.uint8)
    (folder / "images").mkdir()
    for i, image in enumerate(images):
        whole = np.broadcast_to(image, (16, 16, 3))
        Image.fromarray(np.ascontiguousarray(whole)).save(folder / "images" / f"{i}.png")
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    return {
        "model": [folder / "own.keras"],
        "images": ["--images", folder / "images"],
        "labels": ["--labels", folder / "names.txt"],
    }


def run(folder, named, *arguments):
    """Runs the program in `folder`, with this Python named as MediaPipe's, or none."""
    environment = {key: value for key, value in os.environ.items() if key != PYTHON_VARIABLE}
    environment |= {} if named is None else {PYTHON_VARIABLE: str(named)}
    command = [sys.executable, PROGRAM, *arguments, "--out", folder / "exported"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def rows(printed):
    """The cells of each file in the table of MediaPipe's answers."""
    _, _, table = printed.partition(f"MediaPipe {VERSION} beside TFLiteModel, {IMAGES} images")
    lines = [line for line in table.splitlines() if ".tflite" in line]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    return {name: rest for name, *rest in cells}


@pytest.mark.parametrize("labelled", [True, False], ids=["classifier", "embedder"])
def test_mediapipe_answers_as_tflite_model(own, python, tmp_path, labelled):
    labels = own["labels"] if labelled else []
    done = run(tmp_path, python, *own["model"], *own["images"], *labels)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "exported").iterdir()} == FILES
    answers = rows(done.stdout)
    assert set(answers) == FILES
    for equal, difference, allowed in answers.values():
        assert equal == (f"{IMAGES} of {IMAGES}" if labelled else "no labels")
        # The same kernels on the same numbers; float pixels are scaled in another order.
        assert float(difference) <= 1e-5 < float(allowed)
    names = {TFLiteModel(tmp_path / "exported" / file).class_names for file in FILES}
    assert names == {NAMES if labelled else None}
    assert "same decision" in done.stdout
    assert "median ms" in done.stdout


def test_mediapipe_that_answers_otherwise_ends_with_status_1(own, python, tmp_path):
    swapped = tmp_path / "python"
    swapped.write_text(SWAPPED.format(python=str(python)))
    swapped.chmod(0o755)
    done = run(tmp_path, swapped, *own["model"], *own["images"], *own["labels"])
    assert done.returncode == 1
    assert "MediaPipe answers otherwise than TFLiteModel: own_uint8.tflite" in done.stderr
    assert "own_float16.tflite" in done.stderr
    assert {equal for equal, *_ in rows(done.stdout).values()} == {f"0 of {IMAGES}"}


def test_without_mediapipe_the_files_are_written_and_it_says_how_to_get_it(own, tmp_path):
    done = run(tmp_path, None, *own["model"], *own["images"])
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "exported").iterdir()} == FILES
    (line,) = [line for line in done.stdout.splitlines() if "not proven in MediaPipe" in line]
    assert f"pip install mediapipe=={VERSION}" in line
    assert rows(done.stdout) == {}


def test_a_named_mediapipe_that_is_missing_ends_before_any_work(own, tmp_path):
    done = run(tmp_path, tmp_path / "nowhere", *own["model"], *own["images"])
    assert done.returncode == 1
    assert re.search(r"must be at .*nowhere\. Received: no such file", done.stderr)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "exported").exists()


def test_a_file_that_takes_other_numbers_than_pixels_is_no_proof(rng, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "export")
    import phone
    from built_in import Opened

    image = keras.Input((4, 4, 3), name="image")
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D(name="scores")(image))
    images = rng.uniform(-1, 1, (4, 4, 4, 3)).astype("float32")
    pixels = rng.integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)
    pixels[0, 0, 0] = 0, 128, 255
    opened = Opened(model, images, None, (-1.0, 1.0))

    def real_values(input_range):
        path = tmp_path / "m.tflite"
        convert(model, path, "int8", "uint8", images, input_range=input_range)
        return phone._real_values(pixels, TFLiteModel(path).inputs[0], opened, path)

    # 127.5 is no zero point: half a step of 2/255.
    np.testing.assert_allclose(real_values((-1.0, 1.0)), pixels / 127.5 - 1, atol=1.01 / 255)
    with pytest.raises(SystemExit, match=r"takes other numbers than pixels: they are 1[0-9] apart"):
        real_values((-1.1, 1.0))
