import json
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.devices.c_source import Golden, write_c_source
from keras_cv_course.tflite import convert, flatbuffer

STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
ARENA_BYTES = 12_345

PROGRAM = """
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "%(name)s.h"
/* Twice, for the guard. */
#include "%(name)s.h"

static uint8_t arena[%(NAME)s_ARENA_BYTES];

int main(int count, char **arguments) {
  static unsigned char content[%(NAME)s_BYTES + 1];
  FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;
  size_t length = file ? fread(content, 1, sizeof content, file) : 0;
  printf("{\\"equal\\": %%d", length == sizeof %(name)s && memcmp(content, %(name)s, length) == 0);
  printf(", \\"aligned\\": %%d", (uintptr_t)%(name)s %% 16 == 0);
  printf(", \\"arena\\": %%d", (int)sizeof arena);
  %(prints)s
  printf("}\\n");
  return file ? fclose(file) : 1;
}
"""


def build_and_run(folder, name, path, prints, suffix):
    """Returns what a firmware's stand-in, in C or C++, prints of the source in `folder`."""
    main = folder / f"main{suffix}"
    main.write_text(PROGRAM % {"name": name, "NAME": name.upper(), "prints": "\n".join(prints)})
    compile_main = {".c": ("gcc", "-std=c99"), ".cpp": ("g++", "-std=c++11")}[suffix]
    for command in (
        ("g++", "-std=c++11", *STRICT, "-c", f"{name}.cc", "-o", "data.o"),
        (*compile_main, *STRICT, "-c", main.name, "-o", "main.o"),
        ("g++", "main.o", "data.o", "-o", "program"),
    ):
        subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(
        [folder / "program", path], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def number(macro, name=None):
    return f'printf(", \\"{name or macro}\\": %.9g", (double){macro});'


def numbers(array):
    return (
        f'printf(", \\"{array}\\": [");'
        f"for (unsigned i = 0; i < sizeof {array} / sizeof {array}[0]; ++i)"
        f'printf("%s%.9g", i ? "," : "", (double){array}[i]);'
        'printf("]");'
    )


def network():
    image = keras.Input((4, 5, 3), name="image")
    extra = keras.Input((2,), name="extra")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    scores = keras.layers.Dense(3)(keras.layers.Concatenate()([pooled, extra]))
    return keras.Model([image, extra], {"pooled": pooled, "scores": scores})


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """An int8 file with one input and one output, and labels behind the flatbuffer."""
    rng = np.random.default_rng(0)
    image = keras.Input((4, 5, 3), name="image")
    scores = keras.layers.Dense(3)(keras.layers.Flatten()(image))
    images = rng.uniform(-1, 1, (20, 4, 5, 3)).astype(np.float32)
    path = tmp_path_factory.mktemp("one") / "int8.tflite"
    convert(keras.Model(image, scores), path, "int8", "int8", images, ["a", "b", "c"])
    return path


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A float file with two inputs and two outputs."""
    path = tmp_path_factory.mktemp("several") / "float.tflite"
    convert(network(), path, "none")
    return path


def tensor(path, side):
    graph = flatbuffer.read(path.read_bytes()).subgraphs[0]
    return [graph.tensors[i] for i in getattr(graph, f"{side}s")]


@pytest.mark.parametrize("suffix", [".c", ".cpp"])
def test_a_program_finds_the_file_and_its_constants(one, tmp_path, rng, suffix):
    golden = Golden(
        [rng.integers(-128, 127, (1, 4, 5, 3), np.int8, endpoint=True)],
        [np.array([[-128, 0, 127]], np.int8)],
    )
    header, source = write_c_source(one, tmp_path / "firmware", ARENA_BYTES, golden=golden)
    assert (header.name, source.name) == ("model_data.h", "model_data.cc")
    # A compiler for this machine aligns a long array by itself, one for a board may not.
    assert "alignas(16) const unsigned char model_data[" in source.read_text()
    macros = [
        f"MODEL_DATA_{side}_{fact}"
        for side in ("INPUT", "OUTPUT")
        for fact in ("SIZE", "RANK", "SCALE", "ZERO_POINT")
    ]
    arrays = [
        f"model_data_{name}"
        for name in ("input_shape", "output_shape", "golden_input", "golden_output")
    ]
    prints = [number("MODEL_DATA_BYTES"), *map(number, macros), *map(numbers, arrays)]
    printed = build_and_run(header.parent, "model_data", one, prints, suffix)
    assert (printed["equal"], printed["aligned"], printed["arena"]) == (1, 1, ARENA_BYTES)
    assert printed["MODEL_DATA_BYTES"] == one.stat().st_size
    for side, shape in (("input", [1, 4, 5, 3]), ("output", [1, 3])):
        (described,) = tensor(one, side)
        prefix = f"MODEL_DATA_{side.upper()}"
        assert printed[f"{prefix}_SIZE"] == np.prod(shape)
        assert printed[f"{prefix}_RANK"] == len(shape)
        assert np.float32(printed[f"{prefix}_SCALE"]) == described.quantization.scale[0]
        assert printed[f"{prefix}_ZERO_POINT"] == described.quantization.zeroPoint[0]
        assert printed[f"model_data_{side}_shape"] == shape
    assert printed["model_data_golden_input"] == golden.inputs[0].ravel().tolist()
    assert printed["model_data_golden_output"] == [-128, 0, 127]


def test_several_inputs_and_floats(several, tmp_path, rng):
    shapes = {side: [tuple(t.shape) for t in tensor(several, side)] for side in ("input", "output")}
    assert [len(group) for group in shapes.values()] == [2, 2]
    golden = Golden(
        [rng.normal(0, 1e-3, shape).astype(np.float32) for shape in shapes["input"]],
        [np.full(shape, np.float32(1 / 3) * 10**i) for i, shape in enumerate(shapes["output"])],
    )
    golden = Golden(golden.inputs, [x.astype(np.float32) for x in golden.outputs])
    write_c_source(several, tmp_path, ARENA_BYTES, "net2", golden)
    names = [f"{side}{i}" for side in shapes for i in range(2)]
    prints = [numbers(f"net2_golden_{name}") for name in names]
    prints += [numbers(f"net2_{name}_shape") for name in names]
    printed = build_and_run(tmp_path, "net2", several, prints, ".cpp")
    assert printed["equal"] == 1
    arrays = [*golden.inputs, *golden.outputs]
    for name, array in zip(names, arrays, strict=True):
        assert printed[f"net2_{name}_shape"] == list(array.shape)
        values = np.array(printed[f"net2_golden_{name}"], np.float32)
        np.testing.assert_array_equal(values, array.ravel())
    assert "SCALE" not in (tmp_path / "net2.h").read_text()


def test_without_golden_numbers_there_are_none(one, tmp_path):
    header, source = write_c_source(one, tmp_path, ARENA_BYTES)
    assert "golden" not in header.read_text() + source.read_text()
    assert build_and_run(tmp_path, "model_data", one, [], ".c")["equal"] == 1


@pytest.mark.parametrize(
    "name",
    ["", "2net", "a-b", "a b", "a/b", "_a", "a_", "a__b", "ä", "int", "while", "main", "a\n"],
)
def test_a_name_that_c_cannot_take_is_refused(one, tmp_path, name):
    with pytest.raises(ValueError, match=r"`name` must be a name in C and C\+\+ that is not taken"):
        write_c_source(one, tmp_path / "out", ARENA_BYTES, name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arena_bytes", [0, -16, 1.5, True, None])
def test_an_arena_of_no_size_is_refused(one, tmp_path, arena_bytes):
    with pytest.raises(ValueError, match="`arena_bytes` must be a whole number above 0"):
        write_c_source(one, tmp_path, arena_bytes)


def test_golden_numbers_of_another_file_are_refused(one, several, tmp_path):
    image, scores = np.zeros((1, 4, 5, 3), np.int8), np.zeros((1, 3), np.int8)
    for golden, message in [
        (Golden([image[0]], [scores]), r"`golden.inputs` .* Received: \[\('int8', \(4, 5, 3\)\)\]"),
        (Golden([image], [scores.astype(np.uint8)]), r"`golden.outputs` .* Received: \[\('uint8'"),
        (Golden([image, image], [scores]), "`golden.inputs` must be one sample"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_c_source(one, tmp_path, ARENA_BYTES, golden=golden)
    floats = [
        [np.full(tuple(t.shape), np.nan, np.float32) for t in tensor(several, side)]
        for side in ("input", "output")
    ]
    with pytest.raises(ValueError, match=r"`golden.inputs` must be finite"):
        write_c_source(several, tmp_path, ARENA_BYTES, golden=Golden(*floats))
    assert not list(tmp_path.iterdir())


def test_what_is_no_usable_file_is_refused(one, tmp_path):
    with pytest.raises(ValueError, match=r"is not a usable .tflite file: there is no such file"):
        write_c_source(tmp_path / "missing.tflite", tmp_path, ARENA_BYTES)
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(one.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"is not a usable .tflite file: it cannot be read"):
        write_c_source(cut, tmp_path, ARENA_BYTES)
    model = flatbuffer.read(one.read_bytes())
    graph = model.subgraphs[0]
    graph.tensors[graph.outputs[0]].type = schema.TensorType.INT64
    path = tmp_path / "int64.tflite"
    path.write_bytes(flatbuffer.write(model))
    with pytest.raises(ValueError, match=r"The output of the file must be .* Received: type 4"):
        write_c_source(path, tmp_path, ARENA_BYTES)


def test_equal_arguments_give_equal_files(one, tmp_path):
    first = [x.read_bytes() for x in write_c_source(one, tmp_path / "a", ARENA_BYTES)]
    moved = shutil.copy(one, tmp_path / "elsewhere.tflite")
    second = [x.read_bytes() for x in write_c_source(moved, tmp_path / "b", ARENA_BYTES)]
    assert first == second
    assert not re.search(r".{101}", first[0].decode() + first[1].decode())
