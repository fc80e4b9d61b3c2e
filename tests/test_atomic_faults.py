"""Writing where the disk is full or read-only, under SIGKILL, and two at a time."""

import contextlib
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from keras_cv_course._atomic import TEMPORARY_PREFIX, replacing, write_atomic

ROOT = Path(__file__).resolve().parents[1]
NOT_ROOT = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
WRITE_FOR_EVER = """
import itertools, sys
from keras_cv_course._atomic import write_atomic
for number in itertools.count(int(sys.argv[2])):
    write_atomic(sys.argv[1], bytes([number % 256]) * 200_000)
    print(number, flush=True)
"""


def writer(path, first=0):
    line = [sys.executable, "-c", WRITE_FOR_EVER, str(path), str(first)]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE)


def assert_whole(path):
    content = path.read_bytes()
    assert len(content) == 200_000
    assert len(set(content)) == 1


def test_writers_that_are_killed_at_any_moment_leave_a_whole_file(tmp_path):
    rng = random.Random(0)
    path = tmp_path / "model.tflite"
    for _ in range(15):
        with writer(path) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert_whole(path)
    left = [file for file in tmp_path.iterdir() if file != path]
    assert all(file.name.startswith(TEMPORARY_PREFIX) for file in left)


@pytest.mark.parametrize("work", ["file", "arrays", "run", "shards"])
def test_a_kill_at_any_operation_leaves_whole_files_of_one_writer(tmp_path, work):
    """The old value is 1, that of the killed writer 2, and of the one that comes after it 3."""
    line = [sys.executable, Path(__file__).with_name("kill_points.py"), work, tmp_path / "files"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    values = {"file": [200_000], "arrays": [200_000]}.get(work, [])
    # Shards are removed before others take their place: there are none for a while.
    expected = {0, 1, 2} if work == "shards" else {1, 2}
    assert len(outcomes["kills"]) > 12
    assert {len(set(state[len(values) :])) for state in outcomes["kills"]} == {1}
    assert {state[-1] for state in outcomes["kills"]} == expected
    assert all(state[: len(values)] == values for state in outcomes["kills"])
    assert {state[-1] for state in outcomes["writers"]} == {3}


def test_two_writers_of_one_file_leave_that_of_one_of_them(tmp_path):
    path = tmp_path / "model.tflite"
    with writer(path) as one, writer(path, 100) as other:
        for process in (one, other):
            process.stdout.readline()
        for _ in range(200):
            assert_whole(path)
        for process in (one, other):
            process.kill()
    assert_whole(path)


@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("to mount a small disk needs root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file_and_is_reported_by_name(tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        path = write_atomic(disk / "model.npz", b"old")
        for write in (
            lambda temporary: temporary.write_bytes(bytes(2**21)),
            lambda temporary: np.savez(temporary, weights=np.zeros(2**19)),
        ):
            message = r"No space left.*model\.npz"
            with pytest.raises(OSError, match=message) as caught, replacing(path) as temporary:
                write(temporary)
            assert caught.value.errno == errno.ENOSPC
            assert path.read_bytes() == b"old"
            assert [file.name for file in disk.iterdir()] == ["model.npz"]
        write_atomic(path, b"new")  # There is room again.
        assert path.read_bytes() == b"new"


def test_a_read_only_folder_is_reported_by_name(tmp_path):
    path = write_atomic(tmp_path / "folder" / "model.tflite", b"old")
    path.parent.chmod(0o555)
    program = (
        "import sys\n"
        "from keras_cv_course._atomic import write_atomic\n"
        "try:\n"
        "    write_atomic(sys.argv[1], b'new')\n"
        "except PermissionError as error:\n"
        "    print(error)\n"
    )
    line = [*(NOT_ROOT if os.getuid() == 0 else ()), sys.executable, "-c", program, str(path)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    path.parent.chmod(0o755)
    assert done.stdout == f"[Errno 13] Permission denied: '{path}'\n"
    assert path.read_bytes() == b"old"
