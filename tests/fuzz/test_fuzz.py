"""Damaged files: nothing crashes or hangs, and every error is one line that names the file."""

import ast
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from commands import COMMANDS, ROWS
from mutations import mutated

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "keras_cv_course"
SAMPLE = 3  # damaged files a reader in the normal tests
ALL = 10_000
START_S, CASE_S = 300, 60
# Calls by which a module reads what somebody else may have written: methods of any object, and
# functions by the name under which they are imported.
METHODS = {"read_text", "read_bytes", "open", "fromstring", "ZipFile", "TFRecordDataset"}
FUNCTIONS = {
    *("np.load", "json.load", "h5py.File", "tf.io.read_file", "Image.open", "Interpreter"),
    *("read_text", "read_json", "read_yaml", "parse_json", "utf8_text", "read_header"),
}
# Modules with such a call that need no row, and why.
NO_READER = {
    "data.detection": "decodes files that the readers of annotations have passed",
    "data.labelled": "decodes files that its makers have passed",
    "data.people": "decodes files that `people_folder` has passed",
    "tflite._reference_child": "reads what its parent process has just written",
    "tflite._memory_child": "reads /proc and a file that `check_file` has passed",
    "tflite.kernel_comparison": "reads the answer of its own child process",
    "tflite.parity": "reads a file that `TFLiteModel` has opened",
    "tflite.tensor_errors": "reads a file that `compare` has opened",
    "tflite.chain": "runs bytes that this process has converted",
    "tflite.ranges": "runs bytes that this process has converted",
    "tflite.quiet": "opens descriptors of its own",
}


class Child:
    """A process that reads damaged files, watched from outside."""

    def __init__(self, corpus, scratch):
        self.corpus, self.scratch, self.process = corpus, scratch, None

    def ask(self, name, seed):
        """Returns what was wrong with reading one damaged file, or None."""
        if self.process is None:
            self._start()
        self.process.stdin.write(json.dumps([name, seed]) + "\n")
        self.process.stdin.flush()
        for limit in (START_S, CASE_S):
            try:
                line = self.lines.get(timeout=limit)
            except queue.Empty:
                self.stop()
                return f"hangs for longer than {limit} s"
            if line is None:
                code = self.process.wait()
                self.stop()
                return f"ended the process with code {code}"
        return json.loads(line)

    def _start(self):
        folders = [PACKAGE.parent, *Path(__file__).parents[:2]]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("fuzz_child.py"), self.corpus, self.scratch],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.lines = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._forward, args=(self.process, self.lines))
        self.reader.start()

    @staticmethod
    def _forward(process, lines):
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            self.process.stdout.close()
            with contextlib.suppress(BrokenPipeError):  # A line that the dead child never took.
                self.process.stdin.close()
            self.process = None


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for row in ROWS:
        row.make(folder / row.name)
    return folder


@pytest.fixture(scope="module")
def child(corpus, tmp_path_factory):
    opened = Child(corpus, tmp_path_factory.mktemp("scratch"))
    yield opened
    opened.stop()


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_a_sample_of_damaged_files(child, name):
    sample = 1 if name in {row.name for row in COMMANDS} else SAMPLE
    outcomes = {seed: child.ask(name, seed) for seed in range(sample)}
    assert not {seed: wrong for seed, wrong in outcomes.items() if wrong is not None}


@pytest.mark.fuzz
@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_many_damaged_files(child, name):
    first = int(os.environ.get("FUZZ_SEED", "0")) * ALL
    outcomes = {seed: child.ask(name, seed) for seed in range(first, first + ALL // len(ROWS))}
    wrong = {seed: answer for seed, answer in outcomes.items() if answer is not None}
    assert not wrong, json.dumps(wrong, indent=1)


def test_sound_files_are_read(corpus, tmp_path):
    """What the mutations start from is nothing that would be refused anyway."""
    import shutil

    for row in ROWS:
        folder = Path(shutil.copytree(corpus / row.name, tmp_path / row.name))
        if row.name == "labels":  # It has no suppression whose lowest score there is.
            with pytest.raises(ValueError, match="with its suppression inside"):
                row.read(folder)
        else:
            row.read(folder)


def test_the_same_seed_damages_a_file_in_the_same_way():
    content = bytes(range(256)) * 8
    assert mutated(content, "a/1") == mutated(content, "a/1")
    assert len({mutated(content, f"a/{i}") for i in range(50)}) > 40


def test_every_module_that_reads_files_has_a_row():
    covered = {module for row in ROWS for module in row.modules}
    for package in ("data", "tflite", "training"):
        for path in sorted((PACKAGE / package).rglob("*.py")):
            module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            tree = ast.walk(ast.parse(path.read_text()))
            calls = {ast.unparse(node.func) for node in tree if isinstance(node, ast.Call)}
            reading = {c for c in calls if c in FUNCTIONS or c.rpartition(".")[2] in METHODS}
            if reading and module not in NO_READER:
                assert module in covered, (module, reading)
