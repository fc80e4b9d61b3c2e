"""Every command with a run of each task of one image: train, resume, evaluate, predict, export."""

import dataclasses

import numpy as np
import pytest
from contracts.tiny_body import tiny_body
from PIL import Image

from keras_cv_course.networks.loading import load_model
from keras_cv_course.tasks import (
    bodies,
    detection_data,
    get_task,
    multitask_data,
)
from keras_cv_course.tasks.opening import load, open_model
from keras_cv_course.tasks.running import start_run
from keras_cv_course.training import fitting

# By task: its options, the metric that counts, and what a prediction tells.
TASKS = {
    "verify": ({"imgsz": 16, "embedding_dim": 8}, "eer", {"embedding"}),
    "multitask": ({"imgsz": 32}, "loss", {"tasks"}),
    "localize": (
        {"imgsz": 32, "batch": 8},
        "localization_accuracy",
        {"class", "name", "probability", "objectness", "box_xyxy"},
    ),
}
STAGES = ("model.keras", "model_qat.keras")


@pytest.fixture(scope="module", autouse=True)
def _small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection_data, "_SCENES", {"train": 16, "val": 6})
        patch.setattr(bodies, "build_model", lambda name, **o: tiny_body(o["input_shape"]))
        patch.setattr(multitask_data, "_DRAWINGS", 40)
        yield


@pytest.fixture(scope="module", params=TASKS)
def unbroken(request, tmp_path_factory):
    """Name of the task, folder of the run folders, the first run, and its report."""
    options, *_ = TASKS[request.param]
    task, folder = get_task(request.param), tmp_path_factory.mktemp(request.param)
    recipe = task.Args.default_recipe(task.Args.data)
    recipe = dataclasses.replace(recipe, epochs=2, warmup_epochs=0.0)
    args = task.Args(**options, qat=True, qat_epochs=1, recipe=recipe)
    run, report = start_run(task, args, str(folder))
    return request.param, folder, run, report


@pytest.fixture
def image(tmp_path, rng):
    pixels = rng.integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def typed(options):
    return [word for name, x in options.items() for word in (f"--{name.replace('_', '-')}", x)]


@pytest.mark.slow
def test_both_stages_are_measured_as_evaluate_measures_them(keras_cv_course, unbroken):
    task, _, run, report = unbroken
    metric = TASKS[task][1]
    assert report["task"] == task
    assert f"val_{metric}" in report
    assert f"val_{metric}" in run.results.read_text().splitlines()[0]
    for name, measured in zip(STAGES, (report, report["qat"]), strict=True):
        answer = keras_cv_course("evaluate", run.path / name, "--json")
        assert answer.code == 0, answer.err
        assert answer.json["images"] == measured["images"] > 0
        for key in get_task(task).metrics if metric != "loss" else ("age_error_years",):
            assert answer.json[key] == pytest.approx(measured[key], abs=1e-6)


@pytest.mark.slow
def test_files_are_made_and_answer_as_the_model(keras_cv_course, unbroken, image, tmp_path):
    task, _, run, _ = unbroken
    for name in STAGES:
        made = keras_cv_course("export", run.path / name, "--count", 8, "--json")
        assert made.code == 0, made.err
        file = run.path / name.replace(".keras", "_int8.tflite")
        assert made.json["path"] == str(file)
        specs = [open_model(path).spec for path in (run.path / name, file)]
        assert specs[0] == specs[1]
        assert specs[0].task == task
        reports = [
            keras_cv_course("predict", path, image, "--out", tmp_path / "out", "--json")
            for path in (run.path / name, file)
        ]
        for answer in reports:
            assert answer.code == 0, answer.err
            assert set(answer.json[0]) == {"image", *TASKS[task][2]}
        compared = keras_cv_course("compare", run.path / name, file, "--limit", 12, "--json")
        assert compared.code == 0, compared.err
        keras, tflite = compared.json["compared"]
        assert 0 < keras["images"] == tflite["images"] <= 12
    result = load(file)(image)
    assert len(list((tmp_path / "out").iterdir())) == 2  # the drawing and the list
    assert result.draw().size == (60, 40)
    assert keras_cv_course("predict", file, image).code == 0


@pytest.mark.slow
def test_a_run_that_was_broken_off_ends_as_an_unbroken_one(keras_cv_course, unbroken, monkeypatch):
    task, folder, whole, _ = unbroken
    end = fitting.Checkpoint.on_epoch_end

    def broken_off(saving, epoch, logs=None):
        end(saving, epoch, logs)
        if epoch == 0:
            raise KeyboardInterrupt

    line = ["train", "--project", folder, "--name", "again"]
    options = [*typed(TASKS[task][0]), "--qat", "--qat-epochs", 1, "--epochs", 2]
    with monkeypatch.context() as patch:
        patch.setattr(fitting.Checkpoint, "on_epoch_end", broken_off)
        keras_cv_course(*line, "--task", task, *options, "--warmup-epochs", 0)
    assert not (folder / "again" / "report.json").exists()
    result = keras_cv_course(*line, "--resume", "--json")
    assert result.code == 0, result.err
    for name in STAGES:
        pairs = [load_model(f / name, compile=False) for f in (folder / "again", whole.path)]
        for ours, theirs in zip(*(model.get_weights() for model in pairs), strict=True):
            # Sums of several threads may differ in the last bits.
            np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-3)
