"""Nonsense for each option and argument of each command, which are found on the command line itself.

A line ends with a result, or with one line that says what is wrong.
"""

import contextlib
import dataclasses
import io
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from commands import tiny

NOT_UTF8 = "\udcff\udcfe"  # as Python hands such a name of a file to the program
VALUES = (
    *("", "x", "nan", "inf", "-inf", "-1", "0", "1", "1000000000", "1e9", "1e999", "1e-320"),
    *(
        "9" * 400,
        "x" * 5000,
        "{folder}",
        "{folder}/none",
        "/dev/null",
        "/dev/zero",
        "/proc",
        "../x",
    ),
    *(NOT_UTF8, "\x1b[2J\u202e", "{folder}/boxes.json", "a,b", "[]", "-h"),
)
# A sound line for each command, on the files of a row of the corpus. Later values of an option
# replace earlier ones, so that a line is spoiled by what is put behind it.
LINES: dict[str, tuple[str, str]] = {
    "models": ("commands of runs", "--kind localizer"),
    "shards": ("commands of runs", "{folder}/new --data {folder}/data"),
    "train": (
        "commands of runs",
        "--data {folder}/data --imgsz 16 --epochs 1 --batch 4 --no-augment --project {folder}",
    ),
    "train --task detect": ("commands of runs", "--imgsz 96 --alpha 0.35 --project {folder}"),
    "train --task segment": (
        "commands of runs",
        "--backbone none --imgsz 32 --filters 4 --levels 2 --epochs 1 --project {folder}",
    ),
    "train --task verify": ("commands of runs", "--epochs 1 --project {folder}"),
    "evaluate": ("commands of runs", "{folder}/train --data {folder}/data"),
    "predict": ("commands of files", "{folder}/model.keras {folder}/data/val/cat/0.png"),
    "export": ("commands of files", "{folder}/model.keras --calibration {folder}/data/val"),
    "check": ("commands of files", "{folder}/model.tflite --target phone"),
    "compare": (
        "commands of files",
        "{folder}/model.keras {folder}/model.tflite --data {folder}/data",
    ),
    "inspect": ("commands of files", "{folder}/model.tflite"),
    "benchmark": ("commands of files", "{folder}/model.tflite --runs 1"),
    "demo": ("commands of files", "digits --epochs 1 --project {folder}"),
    "faces enroll": (
        "commands of faces",
        "{folder}/encoder.keras {folder}/people/train --gallery {folder}/new.db",
    ),
    "faces verify": (
        "commands of faces",
        "{folder}/encoder.keras {folder}/people/train/cat/0.png {folder}/people/train/dog/0.png",
    ),
    "faces identify": (
        "commands of galleries",
        "{folder}/encoder.keras {folder}/people/val/cat/0.png --gallery {folder}/people.db",
    ),
    "faces remove": ("commands of galleries", "dog --gallery {folder}/people.db"),
    "faces analyze": ("commands of faces", "{folder}/encoder.keras {folder}/people/val"),
    "faces evaluate": (
        "commands of faces",
        "{folder}/encoder.keras --data {folder}/people/train --far 0.5",
    ),
}
# Whose trainings take minutes: they end where they would begin.
_LONG = ("train --task", "demo")


def spoiled(command: str) -> Iterator[tuple[str, ...]]:
    """Yields the lines of a command with one value replaced, `{folder}` still to be filled in."""
    line = LINES[command][1].split()
    first_option = next((i for i, text in enumerate(line) if text.startswith("--")), len(line))
    for value, place in itertools.product(VALUES, range(first_option)):
        yield *line[:place], value, *line[place + 1 :]
    for option in _options(command):
        for value in VALUES:
            yield *line, option.opts[0], *[value] * option.nargs


def outcome(command: str, arguments: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """Returns the exit code of a line, and what was printed on the standard error.

    Raises:
        AssertionError: If it ended with anything but a result or a line about an error.
    """
    from keras_cv_course.cli.main import run

    filled = [text.replace("{folder}", str(folder)) for text in arguments]
    # As a terminal would be: characters that UTF-8 does not have cannot be printed.
    out, errors = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", "strict"),
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace"),
    )
    before = Path.cwd()
    os.chdir(folder)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
            _made_short(command),
        ):
            try:
                run([*command.split(), *filled])
            except SystemExit as ended:
                code = int(ended.code or 0)
    finally:
        os.chdir(before)
    errors.seek(0)
    text = errors.read()
    lines = re.findall(r"^error: .*$", text, re.MULTILINE)
    assert code in (0, 1, 2), (code, text[-500:])
    assert code == 0 or lines or command == "check", f"no error: {text[-500:]}"
    assert "--debug" not in text, text[-500:]
    assert "Traceback" not in text, text[-500:]
    assert all(len(line) < 4200 for line in lines), "a message without end"
    return code, text


def _options(command: str) -> list[Any]:
    """Returns the options of a command that have a value; of other tasks, those they add."""
    from typer.main import get_command

    from keras_cv_course.cli.main import make_app
    from keras_cv_course.tasks import TASKS

    names, _, task = command.partition(" --task ")
    found: Any = get_command(make_app())
    for name in names.split():
        found = found.commands[name]
    options = [option for option in found.params if option.opts[0].startswith("-")]
    options = [option for option in options if not option.is_flag]
    if not task:
        return options
    first, own = (
        {field.name for field in dataclasses.fields(TASKS[name].arguments("Args"))}
        for name in (next(iter(TASKS)), task)
    )
    return [option for option in options if option.name in own - first]


@contextlib.contextmanager
def _made_short(command: str) -> Iterator[None]:
    import keras

    from keras_cv_course.tasks import classification

    if command == "train":  # The registry's networks take seconds to build.
        with mock.patch.object(classification, "build_model", lambda name, **o: tiny(**o)):
            yield
    elif command.startswith(_LONG):
        refused = ValueError("This would be trained.")
        with mock.patch.object(keras.Model, "fit", side_effect=refused):
            yield
    else:
        yield
