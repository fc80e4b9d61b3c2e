"""Both kinds of kernels on files whose differences are known."""

import json
import subprocess

import keras
import numpy as np
import pytest
import tiny_files
from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.tflite import TFLiteModel, convert, flatbuffer
from keras_cv_course.tflite import kernel_comparison as module
from keras_cv_course.tflite.kernel_comparison import STEP_BINS, kernel_differences


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, (6, tiny_files.SIZE_PX, tiny_files.SIZE_PX, 3)).astype("float32")


@pytest.fixture
def answers(monkeypatch):
    """Lets a test say what the reference kernels answer."""

    def give(*outputs):
        monkeypatch.setattr(module, "_run_reference", lambda *arguments: list(outputs))

    return give


def numbers(path, images, kernels):
    """The file's own integers."""
    model = TFLiteModel(path, kernels=kernels, validate=False)
    (spec,) = model.outputs
    return np.rint(model.predict(images) / spec.scale).astype(int), spec.scale


def test_steps_are_the_difference_of_the_files_integers(tmp_path, images):
    path = tiny_files.write(tmp_path, "int8", "int8")
    integers, scale = numbers(path, images, "default")
    expected, _ = numbers(path, images, "reference")
    distance = abs(integers - expected)
    assert distance.max() > 0, "kernels must differ, or anything would agree"
    report = kernel_differences(path, images)
    (output,) = report.outputs
    assert (report.samples, output.name, output.step) == (6, "scores", pytest.approx(scale))
    assert sum(output.histogram) == distance.size
    assert output.histogram[:3] == tuple(int((distance == i).sum()) for i in range(3))
    assert output.median == np.median(distance)
    assert output.worst == distance.max()
    assert output.agreement == np.mean(integers.argmax(1) == expected.argmax(1))


def test_histogram_median_worst_and_decisions_by_hand(tmp_path, images, answers):
    path = tiny_files.write(tmp_path, "int8", "int8")
    outputs = TFLiteModel(path, validate=False).predict(images)
    step = TFLiteModel(path, validate=False).outputs[0].scale
    steps = np.zeros_like(outputs)
    steps[:2] = [[0, 1, 2], [3, 4, 5]]
    steps[2] = [8, 9, -1]
    steps[3, outputs[3].argsort()[1]] = 1000  # The second class wins.
    answers(outputs + steps * step)
    (output,) = kernel_differences(path, images).outputs
    # 18 values; the signs do not matter.
    assert output.histogram == (9, 2, 1, 2, 2, 2)
    assert (output.median, output.worst) == (0.5, 1000)
    changed = (outputs + steps * step).argmax(1) != outputs.argmax(1)
    assert changed[3]
    assert output.agreement == pytest.approx(1 - changed.mean())


def test_a_float_output_made_of_integers_has_their_step(tmp_path, images):
    integers = kernel_differences(tiny_files.write(tmp_path, "int8", "int8"), images).outputs
    floats = kernel_differences(tiny_files.write(tmp_path, "int8", "float32"), images).outputs
    assert floats == integers


def test_float_files_differ_in_the_outputs_unit(tmp_path, images):
    path = tiny_files.write(tmp_path, "float")
    default, reference = (
        TFLiteModel(path, kernels=kernels, validate=False).predict(images)
        for kernels in ("default", "reference")
    )
    report = kernel_differences(path, images)
    (output,) = report.outputs
    assert output.step is None
    assert output.histogram is None
    assert output.worst == np.abs(np.float64(default) - reference).max() < 1e-5
    assert output.agreement == 1.0
    (line,) = [line for line in str(report).splitlines() if "scores" in line]
    assert "value" in line
    assert line.count("%") == 1  # Equal decisions, and no histogram.


def test_several_inputs_and_outputs_by_name_or_in_order(tmp_path, rng):
    path = tiny_files.write(tmp_path, "two_int8", "int8")
    data = {
        "image": rng.uniform(-1, 1, (5, 8, 8, 3)).astype("float32"),
        "extra": rng.uniform(-1, 1, (5, 4)).astype("float32"),
    }
    model = TFLiteModel(path, validate=False)
    report = kernel_differences(path, data)
    assert [output.name for output in report.outputs] == [spec.name for spec in model.outputs]
    for output, spec in zip(report.outputs, model.outputs, strict=True):
        assert output.step == pytest.approx(spec.scale)
        assert sum(output.histogram) == 5 * spec.shape[1]
        assert output.worst <= 3
    assert kernel_differences(path, dict(reversed(data.items()))) == report
    assert kernel_differences(path, [data[spec.name] for spec in model.inputs]) == report
    with pytest.raises(ValueError, match=r"`data` must hold the inputs .*Received: \['image'\]"):
        kernel_differences(path, {"image": data["image"]})
    with pytest.raises(ValueError, match=r"an array for each of the inputs .*Received: 1 arrays"):
        kernel_differences(path, data["image"])


def test_images_as_an_output_have_no_decision(tmp_path, rng):
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(4, 3, name="map")(image))
    data = rng.uniform(-1, 1, (3, 8, 8, 3)).astype("float32")
    path = convert(model, tmp_path / "m.tflite", "int8", "int8", data).path
    (output,) = kernel_differences(path, data).outputs
    assert output.agreement is None
    assert sum(output.histogram) == 3 * 6 * 6 * 4


def test_report_as_json_and_as_table(tmp_path, images, answers):
    path = tiny_files.write(tmp_path, "int8", "int8")
    answers(TFLiteModel(path, validate=False).predict(images))
    report = kernel_differences(path, images)
    content = json.loads(report.save(tmp_path / "r.json").read_text())
    assert content == json.loads(json.dumps(report.to_dict()))
    assert content["path"] == str(path)
    (row,) = content["outputs"]
    assert row["histogram"] == dict.fromkeys(STEP_BINS, 0) | {"0": 18}
    (line,) = [line for line in str(report).splitlines() if "scores" in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        *("scores", "100.0%", "0.0%", "0.0%", "0.0%", "0.0%", "0.0%"),
        *("0", "0", "step", "100.0%"),
    ]


def test_reference_kernels_that_crash_are_an_error_here(tmp_path):
    """An int8 softmax of logits with so small a step ends the process that runs it."""
    image = keras.Input((4,), name="logits")
    model = keras.Model(image, keras.layers.Softmax(name="scores")(image))
    data = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
    path = convert(model, tmp_path / "m.tflite", "int8", "int8", data).path
    content = flatbuffer.read(path.read_bytes())
    graph = content.subgraphs[0]
    (softmax,) = [
        operator
        for operator in graph.operators
        if operator.builtinOptionsType == schema.BuiltinOptions.SoftmaxOptions
    ]
    graph.tensors[softmax.inputs[0]].quantization.scale = [1e-9]
    path.write_bytes(flatbuffer.write(content))
    assert TFLiteModel(path, validate=False).predict(data).shape == (8, 4)
    with pytest.raises(ValueError, match=r"cannot run .*: they crashed with signal SIGABRT"):
        kernel_differences(path, data)


def test_what_the_child_says_is_passed_on(tmp_path, images, monkeypatch):
    def end(command, **options):
        return subprocess.CompletedProcess(command, 3, "", "odd operator\n")

    path = tiny_files.write(tmp_path, "float")
    run = module.subprocess.run
    monkeypatch.setattr(module.subprocess, "run", end)
    with pytest.raises(ValueError, match=r"with exit code 3\. They say: odd operator$"):
        kernel_differences(path, images)
    monkeypatch.setattr(module.subprocess, "run", run)
    with pytest.raises(ValueError, match=r"still busy with .* after 0\.01 s"):
        kernel_differences(path, images, timeout_s=0.01)


def test_wrong_arguments(tmp_path, images):
    path = tiny_files.write(tmp_path, "float")
    with pytest.raises(ValueError, match=r"`data` must hold at least one sample"):
        kernel_differences(path, images[:0])
    with pytest.raises(ValueError, match=r"must have the shape \(n, 16, 16, 3\)"):
        kernel_differences(path, images[:, :8])
    with pytest.raises(ValueError, match=r"`timeout_s` must be a number above 0"):
        kernel_differences(path, images, timeout_s=0)
    with pytest.raises(ValueError, match=r"not a usable \.tflite file"):
        kernel_differences(tmp_path / "missing.tflite", images)
