import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import tiny_files
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from keras_cv_course.tflite import TFLiteModel, check_file
from keras_cv_course.tflite.opening import write_opened
from keras_cv_course.tflite.validation import _children_of, check_files


@pytest.fixture
def crashing(tmp_path):
    """A well-formed file whose MEAN calls itself SPLIT, for whose inputs LiteRT does not look."""
    model = flatbuffer_utils.read_model_from_bytearray(
        bytearray(tiny_files.content("int8", "int8"))
    )
    (code,) = [c for c in model.operatorCodes if c.builtinCode == schema.BuiltinOperator.MEAN]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SPLIT
    path = tmp_path / "crashing.tflite"
    flatbuffer_utils.write_model(model, str(path))
    return path


@pytest.mark.parametrize("before", [None, b"older"])
def test_a_file_that_crashes_gets_no_name(crashing, tmp_path, before):
    path = tmp_path / "named" / "m.tflite"
    path.parent.mkdir()
    if before is not None:
        path.write_bytes(before)
    message = (
        r"opens and runs on zeros. Received: one of the operators .*SPLIT.*; it crashed LiteRT"
    )
    with pytest.raises(ValueError, match=message):
        write_opened(path, crashing.read_bytes())
    assert [p.read_bytes() for p in path.parent.iterdir()] == ([] if before is None else [before])
    sound = tiny_files.content("int8", "int8")
    assert write_opened(path, sound).read_bytes() == sound  # by a new child


def test_one_child_opens_all_own_files(tmp_path):
    """Its start takes longer than a file."""
    children = [_children_of(os.getpid())]
    for name in ("a", "b"):
        write_opened(tmp_path / f"{name}.tflite", tiny_files.content("none", "float32"))
        children.append(children[0]._child._process)
    assert children[1] is children[2]
    assert children[1].poll() is None


def mutations(data, count, seed):
    """Yields `count` corrupt copies: cut off at a random byte, and with 1 to 8 bytes changed."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        if i % 2:
            yield data[: rng.integers(len(data))]
            continue
        changed = bytearray(data)
        for _ in range(rng.integers(1, 9)):
            changed[rng.integers(len(data))] = rng.integers(256)
        yield bytes(changed)


def fuzz(folder, name, io_dtype, count):
    """Returns the verdicts on `count` corrupt copies, and runs in this process what is sound."""
    paths = []
    for i, data in enumerate(mutations(tiny_files.content(name, io_dtype), count, seed=count)):
        paths.append(folder / f"{name}{i}.tflite")
        paths[-1].write_bytes(data)
    verdicts = check_files(paths)
    assert [verdict.path for verdict in verdicts] == paths
    refused = []
    for verdict in verdicts:
        if verdict.ok:
            try:
                model = TFLiteModel(verdict.path, validate=False)
            except ValueError as error:  # LiteRT does not look at labels and metadata.
                refused.append((verdict.path, str(error)))
                continue
            model.predict({spec.name: np.zeros(spec.shape) for spec in model.inputs})
        else:
            assert verdict.error
    assert all(str(path) in message for path, message in refused)
    return verdicts


def test_a_sound_file_passes(tmp_path):
    check_file(tiny_files.write(tmp_path, "int8", "int8"))
    check_file(str(tiny_files.write(tmp_path, "two")))


def test_a_crash_of_the_runtime_is_an_error(crashing):
    with pytest.raises(ValueError, match=r"crashing.tflite .* crashed LiteRT with signal SIGSEGV"):
        check_file(crashing)
    with pytest.raises(ValueError, match=r"crashed LiteRT with signal SIGSEGV"):
        TFLiteModel(crashing)


def test_the_files_around_a_crash_are_judged(tmp_path, crashing):
    sound = tiny_files.write(tmp_path, "float")
    verdicts = check_files([sound, crashing, sound, crashing, crashing, sound])
    assert [verdict.crashed for verdict in verdicts] == [False, True, False, True, True, False]
    assert [verdict.ok for verdict in verdicts] == [True, False, True, False, False, True]
    assert check_files([]) == []


def test_a_child_that_dies_between_files_is_blamed_on_none(tmp_path, monkeypatch):
    children = []
    start = subprocess.Popen

    def recording_start(*args, **kwargs):
        children.append(start(*args, **kwargs))
        return children[-1]

    def paths():
        yield sound
        children[-1].kill()
        children[-1].wait()
        yield sound

    sound = tiny_files.write(tmp_path, "float")
    monkeypatch.setattr(subprocess, "Popen", recording_start)
    assert [verdict.ok for verdict in check_files(paths())] == [True, True]
    assert len(children) == 2


def test_what_is_not_a_model_is_named(tmp_path):
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "image.tflite").write_bytes(b"\x89PNG\r\n\x1a\n rest")
    (tmp_path / "cut.tflite").write_bytes(tiny_files.content("float")[:1000])
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    for name, message in [
        ("missing.tflite", "there is no such file"),
        ("empty.tflite", "it is empty"),
        ("image.tflite", r"bytes 4 to 8 of a .tflite file are b'TFL3', and of this one b'\\r"),
        ("model.keras", "it is an archive like .keras files, of which `convert` makes"),
        ("cut.tflite", "LiteRT refused it: The model is not a valid Flatbuffer"),
        (".", "it is a folder"),
    ]:
        with pytest.raises(ValueError, match=f"is not a usable .tflite file: {message}"):
            check_file(tmp_path / name)


def test_the_messages_of_the_runtime_come_through(tmp_path):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(tiny_files.content("float")))
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].customCode = b"NoSuchOperator"
    flatbuffer_utils.write_model(model, str(tmp_path / "custom.tflite"))
    with pytest.raises(ValueError, match=r"LiteRT refused it: .*NoSuchOperator"):
        check_file(tmp_path / "custom.tflite")


def test_a_shape_that_asks_for_gigabytes_is_an_error(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((1, 4, 4, 3))])
    def network(x):
        return x * 2.0

    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(converter.convert()))
    graph = model.subgraphs[0]
    for i in (*graph.inputs, *graph.outputs):
        graph.tensors[i].shape = np.array([1, 25_000, 25_000, 3], np.int32)  # 7.5 GB each
    path = tmp_path / "huge.tflite"
    flatbuffer_utils.write_model(model, str(path))
    with pytest.raises(ValueError, match=r"as when memory runs out"):
        check_file(path)


def test_a_file_that_fails_when_it_runs_is_an_error(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.int32)])
    def network(x):
        return 10 // x

    path = tmp_path / "division.tflite"
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    path.write_bytes(converter.convert())
    with pytest.raises(ValueError, match=r"LiteRT refused it: .*FLOOR_DIV"):
        check_file(path)


def test_what_the_runtime_prints_is_no_verdict(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    program = (
        "import os, keras_cv_course.tflite._validation_child as child\n"
        "child._run = lambda path: os.write(1, b'INFO: printed from C')\n"
        "child.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(str(path)) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("null\n", "INFO: printed from C")


def test_a_file_that_takes_too_long_is_an_error(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    with pytest.raises(ValueError, match=r"LiteRT was still busy with it after 0.001 s"):
        check_file(path, timeout_s=0.001)


def test_the_child_imports_no_framework():
    program = (
        "import sys, keras_cv_course.tflite._validation_child\n"
        "print(sorted({'tensorflow', 'keras', 'tf_keras', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_odd_file_names_and_foreign_working_folders(tmp_path, monkeypatch):
    # A module of the working folder must not replace one that the child imports.
    (tmp_path / "json.py").write_text("raise RuntimeError('imported from the working folder')")
    (tmp_path / "new\nline ü.tflite").write_bytes(tiny_files.content("float"))
    monkeypatch.chdir(tmp_path)
    check_file("new\nline ü.tflite")


@pytest.mark.parametrize(("name", "io_dtype"), [("float", "float32"), ("int8", "int8")])
def test_corrupt_files_end_in_a_verdict(tmp_path, name, io_dtype):
    verdicts = fuzz(tmp_path, name, io_dtype, count=40)
    assert 20 <= sum(not verdict.ok for verdict in verdicts) <= 40


@pytest.mark.slow
@pytest.mark.parametrize(("name", "io_dtype"), [("float", "float32"), ("int8", "int8")])
def test_a_thousand_corrupt_files_end_in_a_verdict(tmp_path, name, io_dtype):
    verdicts = fuzz(tmp_path, name, io_dtype, count=1000)
    assert 500 <= sum(not verdict.ok for verdict in verdicts) <= 1000
