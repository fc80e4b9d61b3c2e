"""What happens to a gallery's folder: damage, modes, a read-only disk, what a kill leaves."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_cv_course.faces.gallery import FaceGallery

ROOT = Path(__file__).resolve().parents[2]
FIRST, LATER = ["Ada", "Bob", "Eve"], ["Zoe", "Kim"]
NOT_ROOT = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
DEEP = "[" * 100_000


def face(name):
    return np.frombuffer(f"{name:<4}".encode(), np.uint8).astype(float)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A gallery that was opened twice, so that it has two files of faces."""
    folder = tmp_path_factory.mktemp("sound") / "people.db"
    for names in (FIRST, LATER):
        with FaceGallery(folder) as gallery:
            gallery.enroll(names, np.stack([face(name) for name in names]))
    return folder


@pytest.fixture
def people(tmp_path, sound):
    return Path(shutil.copytree(sound, tmp_path / "people.db"))


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def manifest(folder):
    return folder / "collections" / "faces" / "manifest.json"


def edited(change):
    """Returns a damage that changes the content of the manifest."""

    def damage(folder):
        values = json.loads(manifest(folder).read_text())
        change(values)
        manifest(folder).write_text(json.dumps(values))

    return damage


def written(text):
    return lambda folder: manifest(folder).write_text(text)


def halved(folder):
    manifest(folder).write_bytes(manifest(folder).read_bytes()[:100])


def older(folder):
    manifest(folder).with_name("manifest.json.prev").replace(manifest(folder))


def faces_file(folder):
    return max(folder.rglob("data_*.parquet"))


def truncated(folder):
    faces_file(folder).write_bytes(faces_file(folder).read_bytes()[:-10])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (written(""), "is not JSON"),
        (halved, "is not JSON"),
        (written(DEEP), "nested too deeply"),
        (written("[]"), "TypeError"),
        (written("{}"), "current_seq"),
        (lambda folder: manifest(folder).unlink(), "There is no file"),
        (older, r"does not list data_000004_000005\.parquet, which would be deleted"),
        (edited(lambda m: m.update(partitions={})), r"does not list data_.*would be deleted"),
        (edited(lambda m: m["partitions"]["_default"].pop("data_files")), "data_files"),
        (edited(lambda m: m.update(current_seq=1)), "`current_seq` of manifest.json is 1"),
        (edited(lambda m: m.update(current_seq="5")), "something else than whole numbers"),
        (edited(lambda m: m["index_specs"]["embedding"].update(metric_type="L2")), "'L2'"),
        (
            edited(
                lambda m: m["partitions"]["_default"]["data_files"].append("../../../x.parquet")
            ),
            "not a file of it",
        ),
        (edited(lambda m: m.update(version=None)), "milvus-lite cannot read manifest"),
        (
            edited(lambda m: m["index_specs"]["embedding"].update(build_params=1.5)),
            "milvus-lite cannot read manifest",
        ),
        (lambda folder: faces_file(folder).unlink(), "is not there"),
        (truncated, "is not whole"),
        (lambda folder: (folder / "collections/faces/schema.json").write_text("{}"), "fields"),
        (lambda folder: (folder / "collections/faces/schema.json").unlink(), "There is no file"),
    ],
)
def test_a_damaged_gallery_is_refused_and_left_as_it_is(people, damage, reason):
    damage(people)
    before = content(people)
    with pytest.raises(
        ValueError, match=rf"people\.db is damaged, in collections/faces: .*{reason}"
    ):
        FaceGallery(people)
    assert content(people) == before


def test_what_a_kill_leaves_behind_is_no_damage(people):
    """A file that is in the log, or in another file too: milvus-lite deletes it itself."""
    program = (
        "import os, signal, sys\n"
        "from keras_cv_course.faces.gallery import FaceGallery\n"
        "gallery = FaceGallery(sys.argv[1])\n"
        "gallery.enroll(['Max', 'Pia'], [[1, 2, 3, 4], [4, 3, 2, 1]])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    line = [sys.executable, "-c", program, str(people)]
    assert subprocess.run(line, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    data = faces_file(people).parent
    (data / "data_000006_000007.parquet").write_bytes(b"PAR1 of which a half was written")
    shutil.copy(faces_file(data), data / "data_000001_000005.parquet")
    with FaceGallery(people) as gallery:
        assert gallery.names() == tuple(sorted([*FIRST, *LATER, "Max", "Pia"]))


def test_a_gallery_is_for_its_owner_alone(tmp_path):
    folder = tmp_path / "people.db"
    for _ in range(2):
        with FaceGallery(folder) as gallery:
            gallery.enroll("Ada", face("Ada"))
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {
            (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
            for path in (folder, *folder.rglob("*"))
        }
        assert modes == {(True, 0o700), (False, 0o600)}
        folder.chmod(0o755)  # As an older version has made it.


def test_a_gallery_on_a_read_only_disk_can_be_read(tmp_path, people):
    """In a child whom permissions keep from writing, as they do not root."""
    program = (
        "import os, sys, tempfile\n"
        "import numpy as np\n"
        "from keras_cv_course.faces.gallery import FaceGallery\n"
        "with FaceGallery(sys.argv[1]) as gallery:\n"
        "    print(gallery.read_only, gallery.names())\n"
        "    print(gallery.identify(np.array([65, 100, 97, 32.0]), threshold=0.99).name)\n"
        "    for change in (lambda: gallery.enroll('x', [1, 2, 3, 4]), lambda: gallery.remove('Ada')):\n"
        "        try:\n"
        "            change()\n"
        "        except PermissionError as error:\n"
        "            print(error)\n"
        "print(os.listdir(tempfile.gettempdir()))\n"
    )
    before = content(people)
    paths = [people, *people.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    (tmp_path / "scratch").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    line = [*(NOT_ROOT if os.getuid() == 0 else ()), sys.executable, "-c", program, str(people)]
    done = subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"True {tuple(sorted([*FIRST, *LATER]))}", "Ada"]
    assert lines[2].endswith("its folder is not writable. Copy it to where it is.")
    assert lines[3] == lines[2]
    assert lines[4] == "[]"  # The copy went with the gallery.
    assert content(people) == before
