import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

from keras_cv_course.tflite import flatbuffer

pytestmark = pytest.mark.device

EXPORT = Path(__file__).parents[2] / "export"
SCRIPT = EXPORT / "microcontroller.py"
# Runs a program as if tflite-micro were not installed.
WITHOUT_MICRO = """
import importlib.util, runpy, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "tflite_micro" else find_spec(name, *rest)
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FIRMWARE = """
#include <stdint.h>
#include <stdio.h>
#include "model_data.h"
static uint8_t arena[MODEL_DATA_ARENA_BYTES];
int main(void) {
  printf("%d %d %d\\n", MODEL_DATA_BYTES, (int)sizeof arena, MODEL_DATA_OUTPUT_SIZE);
  for (int i = 0; i < MODEL_DATA_OUTPUT_SIZE; ++i) printf("%d ", model_data_golden_output[i]);
  return sizeof model_data_golden_input != MODEL_DATA_INPUT_SIZE;
}
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def firmware(folder):
    """Returns bytes of the model, of the arena, and the golden scores, as a compiled C sees them."""
    (folder / "main.c").write_text(FIRMWARE)
    strict = ("-Wall", "-Wextra", "-Werror")
    data, main, program = (str(folder / name) for name in ("data.o", "main.o", "program"))
    run("g++", "-std=c++11", *strict, "-c", str(folder / "model_data.cc"), "-o", data)
    run("gcc", "-std=c99", *strict, "-c", str(folder / "main.c"), "-o", main)
    run("g++", main, data, "-o", program)
    facts, golden = run(program).splitlines()
    length, arena, size = map(int, facts.split())
    scores = [int(number) for number in golden.split()]
    assert len(scores) == size
    return length, arena, scores


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Command-line arguments for a small saved model and a folder of images."""
    folder = tmp_path_factory.mktemp("own")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(8, 3, 2, activation="relu6")(inputs)
    x = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x))
    keras.Model(inputs, x, name="own").save(folder / "own.keras")
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
    (folder / "images").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / "images" / f"{i}.png")
    return [str(folder / "own.keras"), "--images", str(folder / "images")]


def arena_in(text, pattern):
    return int(re.search(pattern, text)[1].replace(",", ""))


def test_the_built_in_model_goes_all_the_way(tmp_path):
    printed = run(sys.executable, str(SCRIPT), "--out", str(tmp_path))
    assert int(re.search(r"16 images, at most (\d+) steps", printed)[1]) <= 1
    length, arena, scores = firmware(tmp_path)
    assert length == (tmp_path / "digits.tflite").stat().st_size
    assert arena == arena_in(printed, r"smallest that works: ([\d,]+) B")
    # An int8 softmax that has learned digits: one is sure, and all sum to one.
    assert max(scores) > 100
    assert sum(score + 128 for score in scores) == pytest.approx(256, abs=5)


def test_a_model_of_ones_own(own, tmp_path):
    printed = run(sys.executable, str(SCRIPT), *own, "--out", str(tmp_path))
    assert int(re.search(r"16 images, at most (\d+) steps", printed)[1]) <= 1
    length, arena, scores = firmware(tmp_path)
    assert (tmp_path / "own.tflite").read_bytes()[4:8] == b"TFL3"
    assert length == (tmp_path / "own.tflite").stat().st_size
    assert arena == arena_in(printed, r"smallest that works: ([\d,]+) B")
    assert len(set(scores)) > 1
    graph = flatbuffer.read((tmp_path / "own.tflite").read_bytes()).subgraphs[0]
    types = {graph.tensors[i].type for i in (*graph.inputs, *graph.outputs)}
    assert types == {schema.TensorType.INT8}


def test_without_the_runtime_the_rest_is_written(own, tmp_path):
    folders = [tmp_path / name for name in ("with", "without")]
    run(sys.executable, str(SCRIPT), *own, "--out", str(folders[0]))
    command = [sys.executable, "-c", WITHOUT_MICRO, str(SCRIPT), *own, "--out", str(folders[1])]
    printed = run(*command)
    assert "tflite-micro is not installed (pip install 'keras-cv-course[micro]')" in printed
    measured, planned = (firmware(folder) for folder in folders)
    assert planned[1] == arena_in(printed, r"arena of ([\d,]+) B by plan, not measured")
    assert planned[1] >= measured[1]
    assert planned[2] == measured[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda own: own[:1], "needs `images`, a folder of about 100 typical images"),
        (lambda own: own[1:], "describe a model of your own: name its file"),
        (lambda own: ["missing.keras", *own[1:]], "There is no such file: missing.keras"),
    ],
    ids=["no-images", "no-model", "no-file"],
)
def test_what_is_missing_is_reported(own, tmp_path, arguments, message):
    command = [sys.executable, str(SCRIPT), *arguments(own), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_names_and_range_of_a_model_of_ones_own(own, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXPORT))
    from built_in import open_model

    model, images = Path(own[0]), Path(own[2])
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\nd\n")
    opened = open_model(model, images, (0.0, 1.0), labels)
    assert opened.class_names == ("a", "b", "c", "d")
    assert opened.input_range == (0.0, 1.0)
    assert opened.images.shape == (20, 16, 16, 3)
    assert 0.0 <= opened.images.min() < opened.images.max() <= 1.0
    assert open_model(model, images).input_range == (-1.0, 1.0)
    assert open_model(model, images).class_names is None
    labels.write_text("a\nb\n")
    with pytest.raises(ValueError, match=r"one name a line for each of the 4 classes.*: 2 lines"):
        open_model(model, images, labels=labels)
    vector = tmp_path / "vector.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(vector)
    with pytest.raises(ValueError, match=r"must take one image of known size.* are \[\(4,\)\]"):
        open_model(vector, images)
