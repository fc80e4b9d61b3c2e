import csv
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_classifier import tiny

from keras_cv_course.networks.loading import load_model
from keras_cv_course.tasks.classification_args import Args
from keras_cv_course.training import Recipe, load_recipe, save_recipe
from keras_cv_course.training.history import read_history

FILES = [
    "args.yaml",
    "confusion_matrix.png",
    "last.keras",
    "model.keras",
    "predictions.png",
    "report.json",
    "results.csv",
    "results.png",
    "train_batch.png",
]


@pytest.fixture
def tiny_models(monkeypatch):
    """Lets `train` build a tiny network, whatever its name."""
    from keras_cv_course.tasks import classification

    monkeypatch.setattr(classification, "build_model", lambda name, **options: tiny(**options))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_folder_is_whole_and_records_everything(keras_cv_course, tiny_models, tmp_path):
    options = [
        "--imgsz",
        "16",
        "--epochs",
        "2",
        "--batch",
        "64",
        "--lr0",
        "0.02",
        "--seed",
        "5",
        "--no-augment",
    ]
    result = keras_cv_course("train", *options, "--project", tmp_path, "--json")
    assert result.code == 0, result.err
    report = result.json
    run = tmp_path / "train"
    assert report.pop("run") == str(run)
    assert names(run) == FILES
    assert report["split"] == "test"
    assert report["images"] == 360
    assert report["accuracy"] > 0.7
    assert report["epochs"] == 2
    assert len(report["classes"]) == 10
    assert np.trace(report["confusion"]) == round(report["accuracy"] * 360)
    loaded = yaml.safe_load((run / "args.yaml").read_text())
    recipe = Recipe(epochs=2, learning_rate=0.02, seed=5)
    assert Args.from_yaml(loaded) == Args(imgsz=16, batch=64, recipe=recipe)
    assert load_recipe(run / "args.yaml") == recipe
    assert loaded["class_names"] == [str(i) for i in range(10)]
    assert loaded["input_shape"] == [16, 16, 3]
    assert set(loaded["versions"]) == {"keras_cv_course", "keras", "tensorflow", "numpy"}
    assert load_model(run / "model.keras").output_shape == (None, 10)
    # The same arguments make the same run.
    again = keras_cv_course("train", *options, "--project", tmp_path, "--json").json
    assert again.pop("run") == str(tmp_path / "train2")
    assert again == report


def test_a_folder_of_images_is_learned_and_a_corrupt_one_named(
    keras_cv_course, tiny_models, tmp_path, monkeypatch
):
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (20, 16), colour).save(tmp_path / "images" / name / f"{i}.png")
    (tmp_path / "images" / "red" / "bad.jpg").write_bytes(b"no image")
    monkeypatch.chdir(tmp_path)
    options = ["--imgsz", "16", "--epochs", "3", "--batch", "4", "--no-augment", "--lr0", "0.01"]
    result = keras_cv_course("train", "--data", "images", *options, "--name", "colours")
    assert result.code == 0, result.err
    assert result.err.startswith("warning: Skipped 1 of")
    assert "bad.jpg" in result.err
    assert result.err.count("\n") == 1
    run = tmp_path / "runs" / "colours"
    assert names(run) == sorted([*FILES, "split.json"])
    assert "val accuracy" in result.out
    loaded = yaml.safe_load((run / "args.yaml").read_text())
    assert loaded["class_names"] == ["blue", "red"]
    assert loaded["data"] == str(tmp_path / "images")
    assert [path.rpartition("/")[2] for path in loaded["skipped"]] == ["bad.jpg"]
    monkeypatch.chdir("/")
    for split in ("val", "train"):
        options = ["--split", split, "--json"]
        report = keras_cv_course("evaluate", run / "model.keras", *options).json
        assert report["accuracy"] == 1.0
        assert report["images"] == {"val": 4, "train": 16}[split]


def test_a_recipe_from_a_file_is_trained_and_what_is_said_besides_changes_it(
    keras_cv_course, tiny_models, tmp_path
):
    recipe = Recipe(epochs=9, optimizer="sgd", learning_rate=0.1, warmup_epochs=3, mixup=0.2)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    said = ["--epochs", 2, "--warmup-epochs", 0.5, "--no-cos-lr", "--seed", 4]
    line = ["train", "--imgsz", 16, "--batch", 64, "--project", tmp_path]
    result = keras_cv_course(*line, "--recipe", tmp_path / "recipe.yaml", *said, "--json")
    assert result.code == 0, result.err
    changes = {"epochs": 2, "warmup_epochs": 0.5, "schedule": "constant", "seed": 4}
    expected = Recipe(**(recipe.to_dict() | changes))
    args = tmp_path / "train" / "args.yaml"
    assert load_recipe(args) == expected
    rates = read_history(tmp_path / "train" / "results.csv")["learning_rate"]
    np.testing.assert_allclose(rates, 0.1, rtol=1e-6)
    # The arguments of a run are a recipe's file as well, and mixing is taken out.
    line = [*line, "--recipe", args, "--epochs", 1, "--no-augment", "--tensorboard"]
    assert keras_cv_course(*line).code == 0
    changes |= {"epochs": 1, "mixup": 0.0}
    assert load_recipe(tmp_path / "train2" / "args.yaml") == Recipe(**(recipe.to_dict() | changes))
    assert list((tmp_path / "train2" / "tensorboard").rglob("events.out.tfevents.*"))


def test_the_rate_can_be_looked_for(keras_cv_course, tiny_models, tmp_path):
    line = ["train", "--imgsz", 16, "--batch", 64, "--epochs", 1, "--project", tmp_path]
    result = keras_cv_course(*line, "--find-lr", "--json")
    assert result.code == 0, result.err
    assert (tmp_path / "train" / "learning_rate.png").is_file()
    learning_rate = load_recipe(tmp_path / "train" / "args.yaml").learning_rate
    assert 1e-5 < learning_rate < 1
    assert learning_rate != Recipe().learning_rate
    result = keras_cv_course(*line, "--find-lr", "--lr0", 0.1)
    assert result.code == 1
    assert "leave out one of them" in result.err


def test_the_first_groups_of_layers_can_stay_as_they_are(
    keras_cv_course, tiny_models, tmp_path, monkeypatch
):
    from keras_cv_course.tasks import running

    frozen = []

    def record(model, count):
        frozen.append(count)
        return model

    def fit(*args, **options):
        raise ValueError(f"training with {frozen} frozen")

    monkeypatch.setattr(running, "freeze_first", record)
    monkeypatch.setattr(running, "fit_run", fit)
    line = ["train", "--imgsz", 16, "--project", tmp_path]
    assert "training with [] frozen" in keras_cv_course(*line).err
    assert "training with [3] frozen" in keras_cv_course(*line, "--freeze", 3).err


def test_a_run_is_not_overwritten_and_a_complete_one_not_resumed(
    keras_cv_course, tiny_models, tmp_path
):
    line = ["train", "--imgsz", 16, "--epochs", 1, "--project", tmp_path, "--name", "a"]
    assert keras_cv_course(*line).code == 0
    before = (tmp_path / "a" / "model.keras").read_bytes()
    result = keras_cv_course(*line)
    assert result.code == 1
    assert "exists" in result.err
    assert "--exist-ok" in result.err
    result = keras_cv_course("train", "--resume", "--project", tmp_path)
    assert result.code == 1
    assert "is complete" in result.err
    assert (tmp_path / "a" / "model.keras").read_bytes() == before
    assert keras_cv_course(*line, "--exist-ok").code == 0


def test_a_weights_file_that_is_missing_is_reported_before_a_folder_is_made(
    keras_cv_course, tmp_path
):
    line = ["train", "--imgsz", 32, "--weights", tmp_path / "none.h5"]
    result = keras_cv_course(*line, "--project", tmp_path / "runs")
    assert result.code == 1
    assert "none.h5" in result.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_as_an_unbroken_one(tmp_path):
    line = [sys.executable, "-m", "keras_cv_course", "train", "--project", str(tmp_path)]
    options = [
        "--model",
        "mobilenet",
        "--alpha",
        "0.25",
        "--imgsz",
        "32",
        "--batch",
        "128",
        "--epochs",
        "6",
        "--deterministic",
    ]
    table = tmp_path / "train" / "results.csv"
    with subprocess.Popen(
        [*line, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 300
        while not (table.exists() and table.read_text().count("\n") >= 3):
            assert process.poll() is None, "training ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    killed = list(csv.reader(table.read_text().splitlines()))
    state = [path.name for path in (tmp_path / "train" / "resume").glob("epoch*")]
    finished = max(int(name[6:10]) for name in state)
    assert 1 <= finished < 6
    done = subprocess.run([*line, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Epoch {finished + 1}/6" in done.stdout
    assert f"Epoch {finished}/6" not in done.stdout
    rows = list(csv.reader(table.read_text().splitlines()))
    assert [row[0] for row in rows] == ["epoch", *map(str, range(1, 7))]
    assert rows[: finished + 1] == killed[: finished + 1]
    # The learning rate ends at zero, so Adam's count of steps came back too.
    assert float(rows[-1][rows[0].index("learning_rate")]) == pytest.approx(0, abs=1e-7)
    assert names(tmp_path / "train") == FILES
    again = [*line, *options, "--name", "unbroken"]
    assert subprocess.run(again, capture_output=True, check=False).returncode == 0
    assert (tmp_path / "unbroken" / "results.csv").read_bytes() == table.read_bytes()
    models = [load_model(tmp_path / name / "model.keras") for name in ("train", "unbroken")]
    for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(ours, theirs)
