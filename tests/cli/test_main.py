import contextlib
import io
import json
import logging
import subprocess
import sys

import pytest

import keras_cv_course as package
from keras_cv_course.cli.main import _Settings, make_app

COMMANDS = [
    "models",
    "shards",
    "train",
    "evaluate",
    "predict",
    "export",
    "check",
    "compare",
    "inspect",
    "benchmark",
    "demo",
    "faces",
]
# Its own commands are in test_faces_commands.py.
GROUP = "faces"


def test_help_of_every_command_comes_without_tensorflow():
    script = f"""
import sys
from keras_cv_course.cli.main import run
for command in {["", *COMMANDS]}:
    try:
        run([command, "--help"] if command else ["--help"])
    except SystemExit as ended:
        assert ended.code == 0, command
heavy = {{"tensorflow", "keras", "numpy", "sklearn", "matplotlib", "ai_edge_litert"}}
print("heavy:", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("Usage: keras-cv-course") == len(COMMANDS) + 1
    assert "heavy: []" in done.stdout
    assert done.stderr == ""


def test_the_module_is_the_command():
    line = [sys.executable, "-m", "keras_cv_course"]
    done = subprocess.run([*line, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == package.__version__
    done = subprocess.run([*line, "nosuch"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: No such command 'nosuch'.\n"


def test_without_a_command_the_help_is_shown(keras_cv_course):
    result = keras_cv_course()
    assert result.code == 0
    assert all(name in result.out for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("train --epochs many", 2, "--epochs"),
        ("train --nosuch", 2, "No such option"),
        ("predict", 2, "Missing argument"),
        ("benchmark a.tflite --runs 0", 2, "--runs"),
        ("train --epochs 0", 1, "`epochs` must be a number above 0"),
        ("train --seed -1", 1, "`seed` must be at least 0"),
        ("train --model mobilenet_v9", 1, "Did you mean 'mobilenet_v2'"),
        ("train --data /nosuch", 1, "There is no folder /nosuch"),
        ("train --imgsz 8", 1, "input_shape"),
        ("train --model efficientnet_b0 --imgsz 32 --alpha 2", 1, "alpha"),
        ("train --resume --epochs 3 --lr0 1", 1, "leave out --epochs, --lr0"),
        ("train --resume --project /nosuch", 1, "There is no run folder in /nosuch"),
        ("models --kind tracker", 1, "`kind` must be one of"),
        ("models --name nosuch", 1, "No model has 'nosuch' in its name"),
        ("evaluate /nosuch.keras", 1, "There is no file /nosuch.keras"),
        ("evaluate /nosuch", 1, "There is no run folder /nosuch"),
        ("inspect /nosuch.tflite", 1, "/nosuch.tflite"),
        ("benchmark /nosuch.tflite", 1, "/nosuch.tflite"),
    ],
)
def test_wrong_input_is_reported_in_one_line(
    keras_cv_course, tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    result = keras_cv_course(*arguments.split())
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert message in result.err
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where_an_error_arose():
    from keras_cv_course.cli.main import run

    with pytest.raises(ValueError, match="`epochs` must be"):
        run(["--debug", "train", "--epochs", "0"])


def test_an_error_of_several_lines_is_reported_in_one(keras_cv_course, monkeypatch):
    from keras_cv_course.cli import engine

    def fails():
        raise ValueError("first\n    second")

    monkeypatch.setattr(engine, "start", fails)
    result = keras_cv_course("models")
    assert (result.code, result.err) == (1, "error: first second\n")


def test_what_nobody_expected_is_one_line_too(keras_cv_course, monkeypatch):
    from keras_cv_course.cli import engine

    def fails():
        return {}["first"]

    monkeypatch.setattr(engine, "start", fails)
    result = keras_cv_course("models")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: KeyError: 'first' (`keras-cv-course --debug …` shows where it arose)\n"
    )
    with pytest.raises(KeyError):
        make_app()(["--debug", "models"], standalone_mode=False, obj=_Settings())


def test_control_characters_do_not_reach_the_terminal(keras_cv_course, monkeypatch):
    from keras_cv_course.cli import engine
    from keras_cv_course.cli.output import emit_json, emit_table

    def fails():
        logging.getLogger("keras_cv_course.data").warning("skipped \x1b[2J.jpg")
        raise ValueError("no class \x1b]0;title\x07 \x9b")

    monkeypatch.setattr(engine, "start", fails)
    result = keras_cv_course("models")
    assert result.err == (
        "warning: skipped \\u001b[2J.jpg\nerror: no class \\u001b]0;title\\u0007 \\u009b\n"
    )
    with contextlib.redirect_stdout(io.StringIO()) as out:
        emit_table("title \x1b[1m", ["class"], [["\x1b[31mred"]])
        emit_json({"class": "\x1b[31m\x9b"})
    assert "\x1b" not in out.getvalue()
    assert "\x9b" not in out.getvalue()
    assert json.loads(out.getvalue()[out.getvalue().index("{") :]) == {"class": "\x1b[31m\x9b"}


def test_ctrl_c_ends_with_130(keras_cv_course, monkeypatch):
    from keras_cv_course.cli import engine

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "start", interrupted)
    assert keras_cv_course("models").code == 130


def test_every_command_that_prints_a_table_can_print_json():
    from typer.main import get_command

    commands = get_command(make_app()).commands
    assert sorted(commands) == sorted(COMMANDS)
    commands.pop(GROUP)
    for name, command in commands.items():
        options = [option for parameter in command.params for option in parameter.opts]
        assert "--json" in options, name
