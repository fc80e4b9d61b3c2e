"""`train --task detect`: the stage of int8 rounding, and going on after an interruption."""

import dataclasses

import numpy as np
import pytest
from contracts.tiny_body import tiny_body

from keras_cv_course.networks.loading import load_model
from keras_cv_course.registry import build_model
from keras_cv_course.tasks import bodies, detection, detection_data, detector_building, get_task
from keras_cv_course.tasks.detection_args import Args
from keras_cv_course.tasks.opening import load
from keras_cv_course.tasks.running import start_run
from keras_cv_course.tflite import inspect
from keras_cv_course.training import fitting

FILES = {
    *("args.yaml", "report.json", "train_batch.png", "model.keras", "model_qat.keras"),
    *("last.keras", "last_qat.keras"),
    *("results.csv", "results_qat.csv", "results.png", "results_qat.png"),
    *("confusion_matrix.png", "confusion_matrix_qat.png", "predictions.png"),
    *("predictions_qat.png", "precision_recall.png", "precision_recall_qat.png"),
}
OPTIONS = ["--task", "detect", "--imgsz", 64, "--batch", 8, "--lr0", 0.01, "--epochs", 1]
OPTIONS += ["--qat", "--qat-epochs", 2]


@pytest.fixture(scope="module", autouse=True)
def _tiny():
    def build(name, **options):
        if name == "mobilenet_v2":
            return tiny_body(options["input_shape"], name)
        options["extra_filters"] = (8,)
        return build_model(name, **options)

    with pytest.MonkeyPatch.context() as patch:
        for module in (bodies, detector_building):
            patch.setattr(module, "build_model", build)
        patch.setattr(detection_data, "_SCENES", {"train": 16, "val": 4})
        patch.setattr(detection, "LOWEST_SCORE", 0.001)
        yield


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Folder of the run folders, and the report of the first of them."""
    recipe = dataclasses.replace(Args.default_recipe("shapes"), epochs=1, learning_rate=0.01)
    args = Args(imgsz=64, batch=8, qat=True, qat_epochs=2, recipe=recipe)
    folder = tmp_path_factory.mktemp("runs")
    run, report = start_run(get_task("detect"), args, str(folder))
    return folder, run.path, report


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_fine_tuning_ends_in_a_file_that_needs_no_calibration(keras_cv_course, unbroken):
    _, run, report = unbroken
    assert names(run) == FILES
    assert report["qat"]["epochs"] == 2
    assert report["qat"]["images"] == report["images"] == 4
    assert 0 <= report["qat"]["AP"] <= report["qat"]["AP50"] <= 1
    options = ("--nms", "tflite_op", "--score", "0.001", "--json")
    exported = keras_cv_course("export", run / "model_qat.keras", *options)
    assert exported.code == 0, exported.err
    file = run / "model_qat_int8.tflite"
    assert exported.json["path"] == str(file)
    assert inspect(file).operators[-1] == "TFLite_Detection_PostProcess"
    # The file finds what the network finds.
    image = detection_data.open_boxes("shapes", "val", (64, 64))[0].image
    files = (run / "model_qat.keras", file)
    actual, expected = (load(x, score=0.001)(image) for x in files)
    assert len(actual) == len(expected) > 0
    np.testing.assert_allclose(actual.scores, expected.scores, atol=1e-3)


@pytest.mark.slow
def test_a_run_that_was_broken_off_while_fine_tuning_ends_as_an_unbroken_one(
    keras_cv_course, unbroken, monkeypatch
):
    folder, whole, report = unbroken

    def train(*options):
        return keras_cv_course("train", *options, "--project", folder)

    end = fitting.Checkpoint.on_epoch_end

    def broken_off(saving, epoch, logs=None):
        end(saving, epoch, logs)
        if saving.folder.name == "resume_qat" and epoch == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting.Checkpoint, "on_epoch_end", broken_off)
        train(*OPTIONS)
    run = folder / "train2"
    assert "report.json" not in names(run)
    before = (run / "model.keras").stat().st_mtime_ns
    result = train("--task", "classify", "--resume")
    assert result.code == 1
    assert "was started with --task detect. Received: --task classify" in result.err
    result = train("--task", "detect", "--resume", "--json")
    assert result.code == 0, result.err
    assert result.json["run"] == str(run)
    assert names(run) == FILES
    assert (run / "model.keras").stat().st_mtime_ns == before
    for name in ("model.keras", "model_qat.keras"):
        pairs = [load_model(f / name, compile=False).get_weights() for f in (run, whole)]
        for ours, theirs in zip(*pairs, strict=True):
            # Sums of several threads may differ in the last bit; --deterministic does not let them.
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    assert result.json["qat"]["AP50"] == pytest.approx(report["qat"]["AP50"], abs=1e-3)
