import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keras_cv_course import _atomic
from keras_cv_course._atomic import replacing, write_atomic

ROOT = Path(__file__).resolve().parents[1]


def test_writes_bytes_and_text(tmp_path):
    assert write_atomic(tmp_path / "a", b"\x00\xff").read_bytes() == b"\x00\xff"
    assert write_atomic(tmp_path / "a", "né\n").read_bytes() == "né\n".encode()


def test_creates_missing_folders_and_leaves_no_temporary_file(tmp_path):
    write_atomic(tmp_path / "runs" / "one" / "report.json", "{}")
    assert [p.name for p in (tmp_path / "runs" / "one").iterdir()] == ["report.json"]


def test_follows_a_link_at_the_destination(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere" / "real")
    with replacing(tmp_path / "link.txt") as temporary:
        assert temporary.name == "link.txt"  # whose ending decides about the format
        assert temporary.parents[1] == tmp_path / "elsewhere"  # the same file system as the target
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "elsewhere" / "real").read_text() == "new"


def test_temporary_files_are_where_nobody_can_plant_a_link(tmp_path):
    """Names differ from write to write, in a folder that was not there and is only this user's."""
    names = set()
    for _ in range(2):
        with replacing(tmp_path / "a") as temporary:
            temporary.write_text("new")
            names.add(temporary)
            assert stat.S_IMODE(temporary.parent.stat().st_mode) == 0o700
    assert len(names) == 2


def test_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    written = write_atomic(tmp_path / "atomic", "")
    assert written.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o444, 0o755])
def test_permissions_of_an_existing_file_are_kept(tmp_path, mode):
    target = write_atomic(tmp_path / "secret", b"old")
    target.chmod(mode)
    write_atomic(target, b"new")
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert target.read_bytes() == b"new"


def test_file_and_folder_are_on_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    calls = []
    fsync, rename = os.fsync, Path.replace

    def recorded_fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def recorded_rename(self, target):
        calls.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_rename)
    write_atomic(tmp_path / "a", b"new")
    assert calls == ["file", "rename", "folder"]


def test_a_failed_write_leaves_the_old_file_and_names_it(tmp_path, monkeypatch):
    target = tmp_path / "model.tflite"
    target.write_bytes(b"old")

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match=r"No space left on device: '.*/model\.tflite'$") as caught:
        write_atomic(target, b"new")
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.tflite"]


def test_errors_of_libraries_name_the_file_and_others_pass(tmp_path):
    target = tmp_path / "weights.h5"
    message = r"weights\.h5 cannot be written: unable to lock"
    with pytest.raises(OSError, match=message), replacing(target):
        raise OSError("unable to lock")
    with pytest.raises(FileNotFoundError, match="source"), replacing(target):
        (tmp_path / "source").read_bytes()
    with pytest.raises(ZeroDivisionError), replacing(target):
        _ = 1 / 0
    with pytest.raises(FileNotFoundError, match=r"weights\.h5"), replacing(target):
        pass  # nothing was written
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_and_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_atomic(tmp_path / "file" / "a", b"")


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    target = tmp_path / "model.tflite"
    target.write_bytes(b"old")
    program = (
        "import os, signal\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from keras_cv_course._atomic import write_atomic\n"
        f"write_atomic({str(target)!r}, b'new')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    left = [path.name for path in tmp_path.iterdir() if path != target]
    assert all(name.startswith(_atomic.TEMPORARY_PREFIX) for name in left)


def test_refuses_what_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"must name a file\. Received a folder"):
        write_atomic(tmp_path, b"")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"must name a file\. Received a device or a pipe"):
        write_atomic(tmp_path / "pipe", b"")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
