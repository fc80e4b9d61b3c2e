"""The commands on a detector: a run of one epoch on drawn scenes, and what is made of it."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_cv_course import SSDLite, build_model, load_model
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.tasks import detection, detection_data, get_task
from keras_cv_course.tasks.detection_args import Args
from keras_cv_course.tasks.running import start_run
from keras_cv_course.tflite import inspect


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of a network that has seen little."""
    patch = pytest.MonkeyPatch()
    patch.setattr(detection_data, "_SCENES", {"train": 8, "val": 4})
    patch.setattr(detection, "LOWEST_SCORE", 0.001)
    recipe = dataclasses.replace(Args.default_recipe("shapes"), epochs=1)
    args = Args(imgsz=64, alpha=0.35, batch=4, recipe=recipe)
    folder, report = start_run(get_task("detect"), args, tmp_path_factory.mktemp("runs"), "tiny")
    yield folder, report
    patch.undo()


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """The file of a detector that nothing beside it tells about."""
    body = build_model("mobilenet", input_shape=(64, 64, 3), alpha=0.25, include_top=False)
    path = tmp_path_factory.mktemp("untrained") / "model.keras"
    SSDLite(body, classes=4, extra_filters=(16,)).save(path)
    return path


@pytest.mark.slow
def test_run_folder_holds_model_plots_and_mosaics(run):
    folder, report = run
    names = {path.name for path in folder.path.iterdir()}
    assert names == {
        *("args.yaml", "last.keras", "model.keras", "results.csv", "results.png", "report.json"),
        *("precision_recall.png", "confusion_matrix.png", "train_batch.png", "predictions.png"),
    }
    assert json.loads(folder.report.read_text()) == report
    assert set(report["classes"]) == {"circle", "square", "triangle", "cross"}
    assert 0 <= report["AP"] <= report["AP50"] <= 1
    with Image.open(folder.path / "predictions.png") as sheet:
        assert sheet.size == (1280, 640)  # four of 320, each beside what is true, in rows of four
    assert detection_spec(load_model(folder.model)).input_size_px == (64, 64)


@pytest.mark.slow
def test_evaluate_gives_the_reports_numbers(run, keras_cv_course):
    folder, report = run
    metrics = keras_cv_course("evaluate", folder.model, "--json").json
    assert metrics["split"] == "val"
    # Boxes of another lowest score are left out.
    assert metrics["AP50"] == pytest.approx(report["AP50"], abs=0.05)


def test_a_split_that_there_is_not_is_reported(keras_cv_course, untrained):
    result = keras_cv_course("evaluate", untrained, "--data", "shapes", "--split", "test")
    assert (result.code, result.out) == (1, "")
    assert "`split` must be one of 'train', 'val'. Received: 'test'" in result.err


def test_suppression_is_named_as_the_option_has_it(keras_cv_course, untrained):
    result = keras_cv_course("export", untrained, "--quantize", "none", "--nms", "buildin")
    assert "`--nms` must be one of 'tflite_op', 'builtin', 'none'" in result.err
    assert "Did you mean 'builtin'?" in result.err


def test_a_detector_and_its_file_are_compared(keras_cv_course, untrained, tmp_path, monkeypatch):
    monkeypatch.setattr(detection_data, "_SCENES", {"train": 8, "val": 4})
    files = {nms: tmp_path / f"{nms}.tflite" for nms in ("tflite_op", "none")}
    for nms, file in files.items():
        line = ("--quantize", "none", "--nms", nms, "--score", "0.01", "--out", file)
        assert keras_cv_course("export", untrained, *line).code == 0
    line = ("compare", untrained, files["tflite_op"], "--data", "shapes", "--limit", "3")
    result = keras_cv_course(*line, "--json").json
    ours, theirs = result["compared"]
    assert result["split"] == "val"
    assert (ours["file"], theirs["file"]) == (str(untrained), str(files["tflite_op"]))
    assert ours["AR100"] == pytest.approx(theirs["AR100"], abs=0.1)
    assert "difference" in keras_cv_course(*line).out
    result = keras_cv_course("compare", untrained, files["none"], "--data", "shapes")
    assert "leaves it to MediaPipe" in result.err
    assert "Export it with --nms tflite_op or builtin" in result.err


def test_a_file_is_compared_from_the_score_on_that_it_gives(
    keras_cv_course, untrained, tmp_path, monkeypatch
):
    """Of random weights no score reaches 0.4: the file gives no box, and Keras is asked for none."""
    monkeypatch.setattr(detection_data, "_SCENES", {"train": 8, "val": 4})
    for nms in ("tflite_op", "builtin"):
        file = tmp_path / f"{nms}.tflite"
        line = ("--quantize", "none", "--nms", nms, "--score", "0.4", "--out", file)
        assert keras_cv_course("export", untrained, *line).code == 0
        report = keras_cv_course("compare", untrained, file, "--data", "shapes", "--json").json
        assert report["lowest_score"] == pytest.approx(0.4)
        ours, theirs = (row["AR100"] for row in report["compared"])
        assert ours == theirs == 0
    output = keras_cv_course("compare", untrained, file, "--data", "shapes").out
    assert "lowest score 0.4" in " ".join(output.split())


@pytest.mark.data
def test_classes_that_nothing_records_are_not_guessed(keras_cv_course, untrained, tmp_path, shared):
    file = tmp_path / "m.tflite"
    assert keras_cv_course("export", untrained, "--quantize", "none", "--out", file).code == 0
    line = ("--data", "shapes", "--input-range", "-1", "1")
    result = keras_cv_course("evaluate", file, *line)
    assert "The classes of" in result.err
    result = keras_cv_course("evaluate", untrained, "--data", shared / "data/bccd")
    assert "finds 4 classes, whose names are not known" in result.err
    assert "['Platelets', 'RBC', 'WBC']" in result.err


def test_folders_of_images_are_looked_through(keras_cv_course, untrained, tmp_path, rng):
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (50, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    rows = keras_cv_course("predict", untrained, tmp_path / "a", tmp_path / "b", "--json").json
    files = [tmp_path / name for name in ("a/1.png", "a/2.png", "b/1.png")]
    assert [row["image"] for row in rows] == [str(file) for file in files]
    result = keras_cv_course("predict", untrained, *files, "--out", tmp_path / "out")
    assert "Images must have names of their own" in result.err
    assert not (tmp_path / "out").exists()
    result = keras_cv_course("predict", untrained, files[0], "--score", "1")
    assert (result.code, "nothing" in result.out) == (0, True)
    result = keras_cv_course("predict", untrained, files[0], "--out", files[1])
    assert "is a file" in result.err
    (tmp_path / "empty").mkdir()
    result = keras_cv_course("predict", untrained, tmp_path / "empty")
    assert f"There is no image in {tmp_path / 'empty'}" in result.err


@pytest.mark.slow
@pytest.mark.parametrize("nms", ["tflite_op", "none"])
def test_export_and_predict(run, keras_cv_course, tmp_path, nms, rng):
    folder, _ = run
    file = tmp_path / "m.tflite"
    options = ("--nms", nms, "--score", "0.02", "--quantize", "int8", "--io-dtype", "uint8")
    assert keras_cv_course("export", folder.model, *options, "--out", file).code == 0
    report = inspect(file)
    assert report.class_names == ("circle", "square", "triangle", "cross")
    has_operator = "TFLite_Detection_PostProcess" in report.operators
    assert has_operator == (nms == "tflite_op")
    if not has_operator:
        return
    image = tmp_path / "scene.png"
    Image.fromarray(rng.integers(0, 256, (50, 80, 3), dtype=np.uint8)).save(image)
    rows = keras_cv_course("predict", file, image, "--score", "0", "--json").json
    assert rows[0]["image"] == str(image)
    assert rows[0]["boxes"], "a score of 0 leaves all boxes in"


@pytest.mark.slow
def test_predict_writes_images_and_a_json(run, keras_cv_course, tmp_path, rng):
    folder, _ = run
    image = tmp_path / "scene.png"
    Image.fromarray(rng.integers(0, 256, (50, 80, 3), dtype=np.uint8)).save(image)
    out = tmp_path / "found"
    result = keras_cv_course("predict", folder.model, image, "--score", "0.02", "--out", out)
    assert result.code == 0, result.err
    rows = json.loads((out / "detections.json").read_text())
    assert rows[0]["boxes"]
    for box in rows[0]["boxes"]:
        left, top, right, bottom = box["box_xyxy"]
        assert 0 <= left < right <= 80
        assert 0 <= top < bottom <= 50
        assert box["score"] >= 0.02
        assert box["name"] in ("circle", "square", "triangle", "cross")
    with Image.open(out / "scene_boxes.png") as drawn:
        assert drawn.size == (80, 50)


@pytest.mark.slow
def test_demo_exports_and_compares(keras_cv_course, tmp_path, monkeypatch):
    monkeypatch.setattr(detection_data, "_SCENES", {"train": 8, "val": 4})
    words = ("demo", "detect", "--epochs", "1", "--project", tmp_path, "--name", "d", "--json")
    result = keras_cv_course(*words)
    assert result.code == 0, result.err
    report = result.json
    assert [row["file"] for row in report["exported"]] == [
        "model_float32.tflite",
        "model_int8.tflite",
    ]
    for row in report["exported"]:
        assert row["bytes"] == (tmp_path / "d" / row["file"]).stat().st_size
        assert row["median_ms"] > 0
        assert 0 <= row["AP"] <= row["AP50"] <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--task", "segmnt"), "`task` must be one of 'classify', 'detect'"),
        (("--task", "detect", "--val-split", "0.3"), "--task detect has no --val-split"),
        (("--task", "detect", "--model", "mobilenet_v2"), "`model` must be one of 'ssdlite'"),
        (("--model", "ssdlite"), "It is trained with --task detect"),
        (("--smallest", "0.1"), "--task classify has no --smallest"),
        (("--task", "detect", "--stride", "8"), "`stride` must be one of 16, 32"),
        (("--task", "detect", "--extra-maps", "5"), "`extra_maps` must be one of 1, 2, 3, 4"),
        (
            ("--task", "detect", "--model", "yolo", "--largest", "0.5"),
            "`largest` is of SSDLite. Received: 0.5 with model='yolo'",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(keras_cv_course, tmp_path, words, message):
    result = keras_cv_course("train", *words, "--project", tmp_path)
    assert result.code == 1
    assert message in result.err


def test_folder_without_boxes_is_refused(keras_cv_course, tmp_path):
    result = keras_cv_course("train", "--task", "detect", "--data", tmp_path / "none")
    assert f"There is no folder {tmp_path / 'none'}" in result.err
    result = keras_cv_course("train", "--task", "detect", "--data", tmp_path)
    assert result.code == 1
    assert 'must be "shapes", or a folder in the layout of Pascal VOC' in result.err


def test_options_of_detectors_are_refused_for_others(keras_cv_course, tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(2))
    model.save(tmp_path / "m.keras")
    words = ("export", tmp_path / "m.keras", "--quantize", "none", "--nms", "builtin")
    assert "of the task classify, has no --nms" in keras_cv_course(*words).err
    words = ("predict", tmp_path / "m.keras", tmp_path, "--score", "0.5", "--input-range", -1, 1)
    assert "of the task classify, has no --score" in keras_cv_course(*words).err
