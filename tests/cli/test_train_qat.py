import contextlib
import csv
import io
import json
import shutil

import numpy as np
import pytest
from tiny_classifier import tiny

from keras_cv_course.networks.loading import load_model

FILES = [
    "args.yaml",
    "confusion_matrix.png",
    "confusion_matrix_qat.png",
    "last.keras",
    "last_qat.keras",
    "model.keras",
    "model_qat.keras",
    "predictions.png",
    "predictions_qat.png",
    "report.json",
    "results.csv",
    "results.png",
    "results_qat.csv",
    "results_qat.png",
    "train_batch.png",
]
OPTIONS = ["--imgsz", 16, "--epochs", 2, "--batch", 64, "--lr0", 0.02, "--no-augment"]
QAT = ["--qat", "--qat-epochs", 2]


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch):
    from keras_cv_course.tasks import classification

    monkeypatch.setattr(classification, "build_model", lambda name, **options: tiny(**options))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The folder of a whole run, and what it printed."""
    from keras_cv_course.cli.main import run
    from keras_cv_course.tasks import classification

    project, printed = tmp_path_factory.mktemp("unbroken"), io.StringIO()
    line = ["train", *OPTIONS, *QAT, "--project", project, "--json"]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(classification, "build_model", lambda name, **options: tiny(**options))
        with pytest.raises(SystemExit) as ended:
            run([str(word) for word in line])
    assert ended.value.code == 0
    return project / "train", json.loads(printed.getvalue())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def epochs(table):
    with table.open() as lines:
        return [row["epoch"] for row in csv.DictReader(lines)]


def test_fine_tuning_with_int8_rounding_ends_in_a_file_that_needs_no_calibration(
    keras_cv_course, unbroken, tmp_path
):
    whole, report = unbroken
    assert names(whole) == FILES
    run = tmp_path / "train"
    shutil.copytree(whole, run)
    assert report["qat"]["epochs"] == 2
    assert report["qat"]["accuracy"] > 0.7
    assert report["qat"]["images"] == report["images"] == 360
    exported = keras_cv_course("export", run / "model_qat.keras", "--json")
    assert exported.code == 0, exported.err
    path = run / "model_qat_int8.tflite"
    assert exported.json["path"] == str(path)
    compared = keras_cv_course("compare", run / "model_qat.keras", path, "--json").json
    assert compared["agreement"] >= 0.99
    result = keras_cv_course("export", run / "model_qat.keras", "--quantize", "float16")
    assert result.code == 1
    assert "strip" in result.err
    # A run of the same name without the stage leaves none of its files.
    line = ["train", *OPTIONS, "--project", tmp_path, "--name", "train", "--exist-ok"]
    assert keras_cv_course(*line).code == 0
    assert not [name for name in names(run) if "qat" in name and "tflite" not in name]


def test_a_run_broken_off_while_fine_tuning_ends_as_an_unbroken_one(
    keras_cv_course, unbroken, tmp_path, monkeypatch
):
    from keras_cv_course.training import fitting

    end = fitting.Checkpoint.on_epoch_end

    def broken_off(saving, epoch, logs=None):
        end(saving, epoch, logs)
        if saving.folder.name == "resume_qat" and epoch == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting.Checkpoint, "on_epoch_end", broken_off)
        keras_cv_course("train", *OPTIONS, *QAT, "--project", tmp_path)
    whole, run = unbroken[0], tmp_path / "train"
    assert "report.json" not in names(run)
    assert epochs(run / "results_qat.csv") == ["1"]
    before = (run / "model.keras").stat().st_mtime_ns
    result = keras_cv_course("train", "--resume", "--project", tmp_path)
    assert result.code == 0, result.err
    assert names(run) == FILES
    assert (run / "model.keras").stat().st_mtime_ns == before
    assert epochs(run / "results_qat.csv") == ["1", "2"]
    pairs = [load_model(folder / "model_qat.keras").get_weights() for folder in (run, whole)]
    for ours, theirs in zip(*pairs, strict=True):
        # Sums of several threads may differ in the last bit; --deterministic would not let them.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    for name in ("results.csv", "results_qat.csv"):
        tables = [np.loadtxt(f / name, delimiter=",", skiprows=1) for f in (run, whole)]
        np.testing.assert_allclose(*tables, rtol=1e-3, atol=1e-3)
