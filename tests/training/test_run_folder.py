import subprocess
import sys
from pathlib import Path

import pytest

from keras_cv_course.training.run_folder import create_run, latest_run, open_run

ROOT = Path(__file__).resolve().parents[2]
ARGS = {
    "model": "mobilenet_v2",
    "alpha": 0.35,
    "weights": None,
    "class_names": ["no", "on", "1", "ñ", ""],
    "lr0": 1e-05,
    "input_range": [-1.0, 1.0],
    "versions": {"keras": "3.15.1"},
}


def test_args_load_back_equal(tmp_path):
    run = create_run(ARGS, tmp_path, "a")
    loaded = open_run(run.path).load_args()
    assert loaded == ARGS
    assert list(loaded) == list(ARGS)
    assert type(loaded["lr0"]) is float


def test_args_that_would_change_are_refused(tmp_path):
    with pytest.raises(TypeError, match="lists instead of tuples"):
        create_run({"size": (1, 2)}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_names_count_up(tmp_path):
    names = [create_run({}, tmp_path / "runs").path.name for _ in range(3)]
    assert names == ["train", "train2", "train3"]
    assert latest_run(tmp_path / "runs").path.name == "train3"


def test_nothing_is_overwritten_without_leave(tmp_path):
    run = create_run(ARGS, tmp_path, "a")
    run.model.write_text("weights")
    run.resume.mkdir()
    (run.resume / "epoch_0001.weights.h5").write_text("state")
    (run.path / "model_int8.tflite").write_text("exported")
    with pytest.raises(FileExistsError, match="--exist-ok"):
        create_run({}, tmp_path, "a")
    assert run.model.read_text() == "weights"
    assert create_run({"seed": 1}, tmp_path, "a", exist_ok=True) == run
    assert run.load_args() == {"seed": 1}
    # A file that was exported from the old model would pass for one of the new.
    assert [path.name for path in run.path.iterdir()] == ["args.yaml"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp"])
def test_a_name_is_one_folder(tmp_path, name):
    with pytest.raises(ValueError, match="name of one folder"):
        create_run({}, tmp_path, name)


def test_finishing_removes_the_state(tmp_path):
    run = create_run({}, tmp_path)
    run.resume.mkdir()
    assert not run.complete
    run.finish({"accuracy": 0.5})
    assert run.complete
    assert not run.resume.exists()
    assert run.report.read_text() == '{\n  "accuracy": 0.5\n}\n'


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a run folder"):
        open_run(tmp_path)
    with pytest.raises(FileNotFoundError, match="no run folder in"):
        latest_run(tmp_path)
    (tmp_path / "args.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"args\.yaml is not YAML: (?s:.*)\n  in line 1, column 5"):
        open_run(tmp_path).load_args()
    (tmp_path / "args.yaml").write_text("- a")
    with pytest.raises(ValueError, match="arguments of a run by name"):
        open_run(tmp_path).load_args()
    (tmp_path / "args.yaml").write_text("recipe: null")
    with pytest.raises(ValueError, match=r"args\.yaml must hold a recipe by name.*None"):
        open_run(tmp_path).load_args()


def test_classes_that_changed_are_reported(tmp_path):
    run = create_run({"class_names": ["a", "b"]}, tmp_path)
    run.check_classes("photos", ("a", "b"))
    with pytest.raises(ValueError, match=r"photos must hold the classes .*\['a', 'b'\]"):
        run.check_classes("photos", ("a", "c"))


def test_two_processes_cannot_train_in_one_folder(tmp_path):
    run = create_run({"a": 1}, tmp_path, "one")
    other = create_run({"a": 1}, tmp_path, "two")
    program = (
        "import sys\n"
        "from keras_cv_course.training.run_folder import open_run\n"
        "with open_run(sys.argv[1]).locked():\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    line = [sys.executable, "-c", program, str(run.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(line, cwd=ROOT, text=True, **pipes) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(BlockingIOError, match=r"Another process trains in .*one"), run.locked():
            pass
        with other.locked():
            pass
        process.kill()
        process.wait()
        with run.locked():  # The lock went with the process.
            pass


def test_a_lock_clears_what_killed_writers_have_left(tmp_path):
    run = create_run({"a": 1}, tmp_path, "one")
    for folder in (run.path, run.resume):
        (folder / ".writing-x").mkdir(parents=True)
        (folder / ".writing-x" / "model.keras").write_bytes(b"half")
    with run.locked():
        assert not list(run.path.rglob(".writing-*"))
    assert run.load_args() == {"a": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: [*x, *x]", r"aliases \(\*name\) are refused"),
        ("[" * 100_000, "nested too deeply"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("a: !!timestamp x", "is not YAML"),
        ("a: " + "x" * 2**20, "at most 1,048,576 bytes"),
        ("- a", "must hold the arguments of a run"),
        (b"\xff\xfe\xfa", "is not text in UTF-8"),
    ],
)
def test_arguments_that_are_no_plain_yaml_are_refused(tmp_path, text, reason):
    run = create_run({"a": 1}, tmp_path, "one")
    run.args.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=rf"args\.yaml .*{reason}"):
        run.load_args()


def test_a_value_that_occurs_twice_is_written_without_an_alias(tmp_path):
    names = ["a", "b"]
    run = create_run({"one": names, "other": names}, tmp_path, "one")
    assert run.load_args() == {"one": names, "other": names}


@pytest.mark.parametrize("content", ['["train"]', '{"train": [1]}', '{"train": "a.png"}', "{"])
def test_a_split_that_is_no_list_of_names_is_refused(tmp_path, content):
    run = create_run({}, tmp_path)
    run.split.write_text(content)
    with pytest.raises(ValueError, match=r"split\.json"):
        run.load_split()
