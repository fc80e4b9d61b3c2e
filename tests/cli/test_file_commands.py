import json

import numpy as np
import pytest
from PIL import Image

from keras_cv_course.data import as_arrays, digits, load_images
from keras_cv_course.networks.loading import load_model
from keras_cv_course.tasks.opening import open_model
from keras_cv_course.tflite import TFLiteModel, inspect
from keras_cv_course.tflite.labels import append_labels


@pytest.fixture(scope="module")
def exported(trained):
    """Float and uint8 files beside the trained model, made by the command."""
    from keras_cv_course.cli.main import run

    for options in (["--quantize", "none"], ["--io-dtype", "uint8"]):
        with pytest.raises(SystemExit) as ended:
            run(["export", str(trained.model), *options, "--json"])
        assert ended.value.code == 0
    return trained.path / "model_float32.tflite", trained.path / "model_int8_uint8.tflite"


@pytest.fixture(scope="module")
def digit_files(tmp_path_factory):
    """Files of ten digits that are in no split for training, by name."""
    images, labels = as_arrays(digits((64, 64, 3), (0.0, 255.0)).test)
    folder = tmp_path_factory.mktemp("digits")
    for name in range(10):
        row = np.flatnonzero(labels == name)[0]
        Image.fromarray(images[row].round().astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def test_exported_files_hold_names_and_types(exported):
    plain, quantized = (TFLiteModel(path) for path in exported)
    assert plain.class_names == quantized.class_names == tuple("0123456789")
    assert plain.inputs[0].dtype == "float32"
    assert quantized.inputs[0].dtype == "uint8"
    assert exported[1].stat().st_size < exported[0].stat().st_size


def test_a_layer_is_kept_in_float(keras_cv_course, trained, tmp_path):
    file = tmp_path / "kept.tflite"
    last = load_model(trained.model).layers[-1].name
    done = keras_cv_course("export", trained.model, "--keep-float", last, "--out", file)
    assert done.code == 0, done.err
    assert "FULLY_CONNECTED" in inspect(file).float_operators


def test_evaluation_is_the_same_for_keras_and_float_file(keras_cv_course, trained, exported):
    images, labels = as_arrays(digits((16, 16, 3), (-1.0, 1.0)).test)
    scores = load_model(trained.model).predict(images, verbose=0)
    wanted = float(np.mean(scores.argmax(-1) == labels))
    for path in (trained.model, exported[0]):
        report = keras_cv_course("evaluate", path, "--json").json
        assert report["split"] == "test"
        assert report["accuracy"] == pytest.approx(wanted)
    table = keras_cv_course("evaluate", trained.model, "--split", "val").out
    assert "(val, 180 images)" in table
    assert "precision" in table


def test_a_folder_without_splits_is_evaluated_whole(
    keras_cv_course, trained, digit_files, tmp_path
):
    for name in range(10):
        (tmp_path / str(name)).mkdir()
        target = tmp_path / str(name) / "x.png"
        target.write_bytes((digit_files / f"{name}.png").read_bytes())
    opened = open_model(trained.model)
    samples = opened.task.samples(opened.predictor(), opened.args, str(tmp_path), None)
    images, labels = as_arrays(samples.content)
    assert labels.tolist() == list(range(10))
    np.testing.assert_allclose([images.min(), images.max()], [-1, 1], atol=0.1)
    report = keras_cv_course("evaluate", trained.model, "--data", tmp_path, "--json").json
    assert (report["split"], report["images"]) == ("all", 10)
    assert report["accuracy"] >= 0.7
    (tmp_path / "9").rename(tmp_path / "nine")
    result = keras_cv_course("evaluate", trained.model, "--data", tmp_path)
    assert result.code == 1
    assert "Missing: ['9']. Unknown: ['nine']" in result.err


def test_prediction_is_the_models_own(keras_cv_course, trained, exported, digit_files):
    files = [digit_files / f"{name}.png" for name in (3, 7)]
    scores = load_model(trained.model).predict(
        load_images(files, (16, 16, 3), (-1.0, 1.0)), verbose=0
    )
    for path in (trained.model, exported[0]):
        rows = keras_cv_course("predict", path, *files, "--top", 3, "--json").json
        assert [row["image"] for row in rows] == [str(file) for file in files]
        for row, values in zip(rows, scores, strict=True):
            best = np.argsort(values)[::-1][:3]
            assert [probabilities["name"] for probabilities in row["classes"]] == [
                str(i) for i in best
            ]
            probabilities = [probabilities["probability"] for probabilities in row["classes"]]
            np.testing.assert_allclose(probabilities, values[best], atol=1e-5)
    assert "probability" in keras_cv_course("predict", exported[1], files[0]).out
    below = keras_cv_course("predict", exported[1], digit_files, "--json").json
    assert {row["image"] for row in below} >= {str(file) for file in files}


def test_the_names_in_a_file_are_reported(keras_cv_course, exported, digit_files, tmp_path):
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    alone = tmp_path / "alone.tflite"
    alone.write_bytes(append_labels(exported[0].read_bytes(), words))
    line = ["predict", alone, digit_files / "3.png", "--top", 10, "--input-range", -1, 1, "--json"]
    names = [row["name"] for row in keras_cv_course(*line).json[0]["classes"]]
    assert sorted(names) == sorted(words)
    line[1] = exported[0]
    numbers = [row["name"] for row in keras_cv_course(*line).json[0]["classes"]]
    assert names == [words[int(name)] for name in numbers]


def test_comparison_inspection_and_benchmark_print_table_and_json(
    keras_cv_course, trained, exported
):
    lines = {
        "compare": (["compare", trained.model, exported[1], "--limit", 50], "same decision"),
        "inspect": (["inspect", exported[1]], "CONV_2D"),
        "benchmark": (["benchmark", *exported, "--runs", 3], "3 runs each"),
    }
    reports = {}
    for name, (line, title) in lines.items():
        table = keras_cv_course(*line)
        assert table.code == 0, table.err
        assert title in table.out
        reports[name] = keras_cv_course(*line, "--json").json
    assert reports["compare"]["samples"] == 50
    assert reports["compare"]["agreement"] >= 0.9
    assert reports["compare"]["metric"] == "accuracy"
    assert len(reports["benchmark"]["files"]) == 2


def test_calibration_is_from_a_folder_where_nothing_else_is_known(
    keras_cv_course, trained, digit_files, tmp_path
):
    model = tmp_path / "alone.keras"
    model.write_bytes(trained.model.read_bytes())
    line = ["export", model, "--out", tmp_path / "deep" / "a.tflite"]
    result = keras_cv_course(*line)
    assert result.code == 1
    assert "--calibration" in result.err
    result = keras_cv_course(*line, "--calibration", digit_files)
    assert result.code == 1
    assert "--input-range" in result.err
    result = keras_cv_course(
        *line, "--calibration", digit_files, "--input-range", -1, 1, "--count", 5, "--json"
    )
    assert result.code == 0, result.err
    assert result.json["path"] == str(tmp_path / "deep" / "a.tflite")
    assert TFLiteModel(tmp_path / "deep" / "a.tflite").class_names is None


def test_contradictions_and_wrong_files_are_reported(
    keras_cv_course, trained, exported, digit_files
):
    lines = {
        "--split must be one of": ["evaluate", trained.model, "--split", "all"],
        "A .keras model is needed": ["export", exported[0]],
        "`quantize` must be one of": ["export", trained.model, "--quantize", "int9"],
        "`calibration_data` must be None": [
            *("export", trained.model, "--quantize", "none", "--calibration", digit_files)
        ],
        "There is no folder": ["export", trained.model, "--calibration", "/nosuch"],
        "cannot be decoded": ["predict", trained.model, trained.args],
        "is not a saved model": ["evaluate", trained.args],
    }
    for message, line in lines.items():
        result = keras_cv_course(*line)
        assert result.code == 1, message
        assert result.err.startswith("error: ")
        assert message in result.err
        assert result.err.count("\n") == 1


@pytest.mark.slow
def test_the_chain_from_training_to_benchmark(keras_cv_course, tmp_path):
    options = [
        "--model",
        "mobilenet",
        "--alpha",
        "0.25",
        "--imgsz",
        "32",
        "--epochs",
        "1",
        "--name",
        "a",
    ]
    assert keras_cv_course("train", *options, "--project", tmp_path).code == 0
    model = tmp_path / "a" / "model.keras"
    files = []
    for line in (["none"], ["int8", "--io-dtype", "int8"], ["dynamic"]):
        result = keras_cv_course("export", model, "--quantize", *line, "--json")
        files.append(result.json["path"])
        report = keras_cv_course("compare", model, files[-1], "--json").json
        assert report["samples"] == 360
        assert report["agreement"] > (0.999 if line == ["none"] else 0.8)
    timings = keras_cv_course("benchmark", *files, "--json").json["files"]
    assert [row["path"] for row in timings] == files
    assert keras_cv_course("inspect", files[1], "--json").json["quantized_share"] == 1.0


@pytest.mark.slow
def test_the_demo_reaches_its_goals(keras_cv_course, tmp_path):
    result = keras_cv_course("demo", "--project", tmp_path, "--name", "demo", "--json")
    assert result.code == 0, result.err
    report = result.json
    assert report["accuracy"] >= 0.97
    plain, quantized = report["exported"]
    assert plain["accuracy"] == pytest.approx(report["accuracy"], abs=1e-6)
    assert quantized["accuracy"] >= plain["accuracy"] - 0.01
    assert quantized["bytes"] < plain["bytes"] / 2
    run = tmp_path / "demo"
    assert sorted(path.name for path in run.iterdir()) == [
        "args.yaml",
        "confusion_matrix.png",
        "last.keras",
        "model.keras",
        "model_float32.tflite",
        "model_int8.tflite",
        "predictions.png",
        "report.json",
        "results.csv",
        "results.png",
        "train_batch.png",
    ]
    saved = json.loads((run / "report.json").read_text())
    assert {"run": str(run), **saved} == report
