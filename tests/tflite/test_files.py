import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_cv_course.tflite._files import write_atomic


def test_writes_bytes_and_text(tmp_path):
    assert write_atomic(tmp_path / "a", b"\x00\xff").read_bytes() == b"\x00\xff"
    assert write_atomic(tmp_path / "a", "né\n").read_bytes() == "né\n".encode()


def test_creates_missing_folders_and_leaves_no_temporary_file(tmp_path):
    write_atomic(tmp_path / "runs" / "one" / "report.json", "{}")
    assert [p.name for p in (tmp_path / "runs" / "one").iterdir()] == ["report.json"]


def test_follows_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    written = write_atomic(tmp_path / "atomic", "")
    assert written.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "model.tflite"
    target.write_bytes(b"old")

    def full_disk(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.tflite"]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    target = tmp_path / "model.tflite"
    target.write_bytes(b"old")
    program = (
        "import os, signal\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from keras_cv_course.tflite._files import write_atomic\n"
        f"write_atomic({str(target)!r}, b'new')\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, check=False)
    assert done.returncode == -9
    assert target.read_bytes() == b"old"


def test_refuses_a_folder(tmp_path):
    with pytest.raises(ValueError, match="must name a file"):
        write_atomic(tmp_path, b"")
