"""Rows of commands: each command on damaged files ends with one line that names one of them."""

import contextlib
import io
import re
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image
from readers import CLASSES, READERS, Reader, verification

SIZE_PX = 16


def _command(*arguments: object) -> None:
    """Runs a command; raises its one line of an error, or AssertionError for more than that."""
    from keras_cv_course.cli.main import run

    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        try:
            run([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
    text = errors.getvalue()
    lines = re.findall(r"^error: (.*)$", text, re.MULTILINE)
    if code != 0:
        assert code == 1, text
        assert lines, text
        assert "--debug" not in text, text
        raise ValueError(lines[-1])


def tiny(input_shape=(SIZE_PX, SIZE_PX, 3), classes=2, **_):
    import keras

    x = image = keras.Input(input_shape, name="image")
    x = keras.layers.Conv2D(4, 3, 2, activation="relu6")(x)
    x = keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(x))
    return keras.Model(image, x, name="tiny")


def _data(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True)
            for i in range(3):
                pixels = rng.integers(0, 256, (20, 18, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{i}.png")


def _train(folder: Path, *options: object) -> None:
    from keras_cv_course.tasks import classification

    # The registry's networks take seconds to build.
    with mock.patch.object(classification, "build_model", lambda name, **o: tiny(**o)):
        _command("train", "--project", folder, *options)


def _run(folder: Path) -> None:
    _data(folder / "data")
    options = ("--imgsz", SIZE_PX, "--epochs", 2, "--batch", 4, "--no-augment")
    _train(folder, "--data", folder / "data", *options)


def _broken_off(folder: Path) -> None:
    from keras_cv_course.training import RunFolder

    with (
        mock.patch.object(RunFolder, "finish", side_effect=KeyboardInterrupt),
        contextlib.suppress(AssertionError),
    ):
        _run(folder)


def _files(folder: Path) -> None:
    from keras_cv_course.networks.specs import with_spec
    from keras_cv_course.tflite import convert

    folder.mkdir(parents=True, exist_ok=True)
    model = with_spec(tiny(), task="classify", class_names=CLASSES, input_range=(0.0, 255.0))
    model.save(folder / "model.keras")
    convert(model, folder / "model.tflite", "none")
    _data(folder / "data")


def _read_files(folder: Path) -> None:
    file, images = folder / "model.tflite", folder / "data" / "val"
    _command("predict", folder / "model.keras", images, "--json")
    _command("compare", folder / "model.keras", file, "--data", folder / "data")
    _command("predict", file, images)
    _command("inspect", file)
    _command("benchmark", file, "--runs", 1)
    _command("export", folder / "model.keras", "--quantize", "float16", "--out", folder / "new")


def _read_run(folder: Path) -> None:
    _command("evaluate", folder / "train", "--data", folder / "data", "--json")
    _command("predict", folder / "train", folder / "data" / "val")
    _command("shards", folder / "shards", "--data", folder / "data")


def _read_broken_off(folder: Path) -> None:
    _train(folder, "--resume")


def _encoder(folder: Path) -> None:
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    image = keras.Input((SIZE_PX, SIZE_PX, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    x = keras.layers.GlobalAveragePooling2D(name="embedding")(x)
    keras.Model(image, x).save(folder / "encoder.keras")
    _data(folder / "people")
    verification(folder)
    (folder / "pairs.txt").write_text("1\t1\ncat\t1\t2\ncat\t1\tdog\t2\n")


def _read_encoder(folder: Path) -> None:
    model, people = folder / "encoder.keras", folder / "people" / "train"
    _command("faces", "verify", model, people / "cat" / "0.png", people / "dog" / "0.png")
    _command("faces", "evaluate", model, "--data", people, "--input-range", 0, 255, "--far", 0.5)


def _gallery(folder: Path) -> None:
    _encoder(folder)
    people = folder / "people" / "train"
    gallery = ("--gallery", folder / "people.db", "--input-range", 0, 255)
    _command("faces", "enroll", folder / "encoder.keras", people, *gallery)


def _read_gallery(folder: Path) -> None:
    model, image = folder / "encoder.keras", folder / "people" / "val" / "cat" / "0.png"
    _command("faces", "identify", model, image, "--gallery", folder / "people.db")


COMMANDS: tuple[Reader, ...] = (
    Reader(
        "commands of files",
        ("cli.predict", "cli.compare", "cli.inspect", "cli.benchmark", "cli.export"),
        ("model.*", "data/val/*/*"),
        _files,
        _read_files,
    ),
    Reader(
        "commands of runs",
        ("cli.evaluate", "cli.shards", "training.run_folder"),
        ("train/args.yaml", "train/split.json", "train/model.keras", "data/*/*/*"),
        _run,
        _read_run,
    ),
    Reader(
        "resume",
        ("cli.train", "training.run_folder"),
        ("train/*.yaml", "train/*.json", "train/*.csv", "train/model.keras", "train/resume/*"),
        _broken_off,
        _read_broken_off,
    ),
    Reader(
        "commands of faces",
        ("cli.faces.verify", "cli.faces.evaluate"),
        ("encoder.keras", "verification.*", "people/*/*/*"),
        _encoder,
        _read_encoder,
    ),
    Reader(
        "commands of galleries",
        ("cli.faces.identify",),
        ("encoder.keras", "verification.*", "people.db/collections/faces/*.json*"),
        _gallery,
        _read_gallery,
    ),
)
ROWS = (*READERS, *COMMANDS)
