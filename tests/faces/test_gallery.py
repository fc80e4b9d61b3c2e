import signal
import subprocess
import sys

import numpy as np
import pytest

from keras_cv_course.faces.gallery import FaceGallery, Identification, Match

ADA, BOB, EVE = np.eye(3)
ODD_NAME = 'Zoë "Z" O\'Neil \\ {name}'
ENROLL_AND_DIE = """
import os, signal, sys
from keras_cv_course.faces.gallery import FaceGallery
gallery = FaceGallery(sys.argv[1])
for name in sys.argv[2:]:
    gallery.enroll(name, [float(len(name)), 1.0, 0.0])
os.kill(os.getpid(), signal.SIGKILL)
"""
LOG_TO_A_FILE = """
import logging, sys
logging.basicConfig(filename=sys.argv[2], filemode="w")
from keras_cv_course.faces.gallery import FaceGallery
FaceGallery(sys.argv[1]).close()
logging.getLogger("mine").warning("still here")
"""


@pytest.fixture
def gallery(tmp_path):
    with FaceGallery(tmp_path / "people.db") as opened:
        yield opened


def test_an_empty_gallery_knows_nobody(gallery):
    assert gallery.identify(ADA, threshold=-1) == Identification((), None, -1.0)
    assert (gallery.count(), gallery.names()) == (0, ())


def test_the_cosine_decides(gallery):
    gallery.enroll("Ada", 7 * ADA)
    gallery.enroll("Bob", BOB)
    # At 30 degrees from Ada, 60 from Bob; its length does not matter.
    identification = gallery.identify([0.02 * np.sqrt(3), 0.02, 0], 2, threshold=0.4)
    assert identification.name == "Ada"
    assert [match.name for match in identification.matches] == ["Ada", "Bob"]
    similarities = [match.similarity for match in identification.matches]
    np.testing.assert_allclose(similarities, [np.sqrt(3) / 2, 0.5], atol=1e-6)
    assert identification.nearest == identification.matches[0]


def test_a_face_that_is_not_alike_enough_is_unknown(gallery):
    gallery.enroll(["Ada", "Bob"], [ADA, BOB])
    identification = gallery.identify(EVE + 0.5 * BOB, threshold=0.6)
    assert (identification.name, identification.matches) == (None, ())
    assert identification.nearest.name == "Bob"
    assert identification.nearest.similarity == pytest.approx(0.5 / np.sqrt(1.25), abs=1e-6)
    # The threshold itself is alike enough.
    assert gallery.identify(ADA, threshold=1.0).matches == (Match("Ada", 1.0),)


def test_people_count_once_however_many_faces_they_have(gallery):
    many = ADA + np.linspace(0, 0.1, 200)[:, None] * BOB
    gallery.enroll("Ada", many)
    gallery.enroll(["Bob", "Eve"], [BOB, EVE])
    identification = gallery.identify(ADA, 3, threshold=-1)
    assert [match.name for match in identification.matches] == ["Ada", "Bob", "Eve"]
    assert identification.matches[0].similarity == pytest.approx(1, abs=1e-6)
    assert (gallery.count(), gallery.count("Ada"), gallery.count("Nobody")) == (202, 200, 0)


def test_who_was_removed_is_not_found(gallery):
    gallery.enroll(["Ada", "Bob", "Ada"], [ADA, BOB, ADA + EVE])
    assert gallery.remove("Ada") == 2
    assert gallery.names() == ("Bob",)
    assert gallery.identify(ADA, threshold=0.1).name is None
    with pytest.raises(ValueError, match=r"`name` must be one of 'Bob'\. Received: 'Ada'"):
        gallery.remove("Ada")
    gallery.remove("Bob")
    with pytest.raises(ValueError, match="`name` must be in the gallery, which is empty: 'Bob'"):
        gallery.remove("Bob")


def test_any_name_of_one_line_is_kept_as_it_is(gallery):
    decomposed = ODD_NAME.replace("ë", "e\u0308")
    gallery.enroll([ODD_NAME, decomposed, "x"], [ADA, ADA, BOB])
    assert gallery.names() == (ODD_NAME, "x")
    assert gallery.identify(ADA, threshold=0.9).name == ODD_NAME
    assert gallery.remove(ODD_NAME) == 2
    assert gallery.names() == ("x",)


def test_a_gallery_is_opened_again(tmp_path):
    with FaceGallery(tmp_path / "people.db") as gallery:
        gallery.enroll("Ada", ADA)
    with FaceGallery(tmp_path / "people.db") as gallery:
        gallery.enroll("Bob", BOB)
        assert gallery.names() == ("Ada", "Bob")
        assert gallery.identify(ADA, threshold=0.9).name == "Ada"
        with pytest.raises(
            ValueError, match=r"must have 3 numbers.*Received: 2\. .*another encoder"
        ):
            gallery.enroll("Eve", [1, 0])
    for name in ("Ada", "Bob"):
        with FaceGallery(tmp_path / "people.db") as gallery:
            assert gallery.remove(name) == 1
    with FaceGallery(tmp_path / "people.db") as gallery:
        assert gallery.names() == ()


def test_a_killed_process_loses_no_face(tmp_path):
    folder = tmp_path / "people.db"
    for names in (["a"], ["bb", "ccc"]):
        line = [sys.executable, "-c", ENROLL_AND_DIE, str(folder), *names]
        assert subprocess.run(line, check=False).returncode == -signal.SIGKILL
    with FaceGallery(folder) as gallery:
        assert gallery.names() == ("a", "bb", "ccc")
        for name in gallery.names():
            assert gallery.identify([len(name), 1, 0], threshold=0.9999).name == name


def test_one_at_a_time_has_a_folder_open(gallery):
    with pytest.raises(BlockingIOError, match=r"people\.db is open elsewhere"):
        FaceGallery(gallery.uri)
    gallery.enroll("Ada", ADA)
    assert gallery.count() == 1


def test_a_proxy_has_no_business_with_a_folder(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with FaceGallery(tmp_path / "people.db", timeout_s=5) as gallery:
        gallery.enroll("Ada", ADA)
        assert gallery.names() == ("Ada",)


def test_a_server_does_the_same_for_many(tmp_path):
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(tmp_path / "server"))
    address = f"http://127.0.0.1:{port}"
    with FaceGallery(address) as one, FaceGallery(address) as other:
        assert other.names() == one.names() == ()
        one.enroll("Ada", ADA)
        other.enroll("Bob", BOB)  # It does not make the collection a second time.
        assert other.identify(ADA, threshold=0.9).name == "Ada"
        other.remove("Ada")
        assert one.names() == ("Bob",)
    server.stop(grace=0).wait()
    database.close()
    with pytest.raises(ConnectionError, match=f"{address} failed: .*server unavailable"):
        FaceGallery(address, timeout_s=1)


def test_an_approximate_gallery_finds_the_same_nearest(tmp_path, rng):
    faces = rng.normal(size=(500, 16))
    with FaceGallery(tmp_path / "people.db", index="approximate") as gallery:
        gallery.enroll([str(i) for i in range(500)], faces)
        names = [gallery.identify(face, threshold=0.99).name for face in faces[:20]]
    assert names == [str(i) for i in range(20)]


def test_what_is_no_gallery_is_left_alone(tmp_path):
    file = tmp_path / "notes.db"
    file.write_text("notes")
    with pytest.raises(ValueError, match=r"notes\.db is a file, and no gallery"):
        FaceGallery(file)
    assert file.read_text() == "notes"
    folder = tmp_path / "photos.db"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"photos\.db holds something else than a gallery"):
        FaceGallery(folder)
    assert [path.name for path in folder.iterdir()] == ["photo.jpg"]
    with pytest.raises(ValueError, match=r'must be a folder whose name ends with "\.db"'):
        FaceGallery(tmp_path / "people")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        FaceGallery(tmp_path / "nowhere" / "people.db")


def test_a_database_of_something_else_is_refused(tmp_path):
    from milvus_lite import CollectionSchema, DataType, FieldSchema, MilvusLite

    path = tmp_path / "books.db"
    fields = [
        FieldSchema(name="isbn", dtype=DataType.INT64, is_primary=True),
        FieldSchema(name="cover", dtype=DataType.FLOAT_VECTOR, dim=3),
    ]
    with MilvusLite(str(path)) as database:
        database.create_collection("books", CollectionSchema(fields=fields))
    with pytest.raises(
        ValueError, match=r"'books' of .* is not a gallery: it holds \['cover', 'isbn'"
    ):
        FaceGallery(path, collection="books")
    with FaceGallery(path) as gallery:  # The refusal let go of the folder.
        gallery.enroll("Ada", ADA)


@pytest.mark.parametrize(
    ("name", "embedding", "message"),
    [
        ("Ada", [np.nan, 0, 1], "must be finite, and not all zero"),
        ("Ada", [np.inf, 0, 1], "must be finite, and not all zero"),
        ("Ada", [[1, 0, 0], [0, 0, 0]], r"not all zero\. Received lengths: \[1\.0, 0\.0\]"),
        ("Ada", 3.0, r"shape \(d,\) or \(n, d\)\. Received: \(\)"),
        ("Ada", np.zeros((0, 3)), r"shape \(d,\) or \(n, d\)\. Received: \(0, 3\)"),
        (["Ada", "Bob"], ADA, "one for each embedding. Received: 2 names for 1"),
        ("", ADA, "text of one line"),
        (" Ada", ADA, "text of one line"),
        ("Ada\nBob", ADA, "text of one line"),
        ("é" * 257, ADA, "at most 512 bytes in UTF-8. Received: 514 bytes"),
    ],
)
def test_faces_that_cannot_be_enrolled(gallery, name, embedding, message):
    with pytest.raises(ValueError, match=message):
        gallery.enroll(name, embedding)
    assert gallery.count() == 0


def test_wrong_questions(gallery):
    gallery.enroll("Ada", ADA)
    with pytest.raises(ValueError, match=r"must be one vector \(d,\)\. Received: 2"):
        gallery.identify([ADA, BOB], threshold=0.5)
    with pytest.raises(ValueError, match=r"must have 3 numbers.* Received: 4"):
        gallery.identify([1, 2, 3, 4], threshold=0.5)
    with pytest.raises(ValueError, match=r"`threshold` must be from -1 to 1\. Received: 40"):
        gallery.identify(ADA, threshold=40)
    with pytest.raises(ValueError, match="`top_k` must be a whole number above 0"):
        gallery.identify(ADA, 0, threshold=0.5)
    with pytest.raises(TypeError, match=r"`name` must be text\. Received: 7"):
        gallery.enroll([7], ADA)
    with pytest.raises(ValueError, match="`index` must be one of 'exact', 'approximate'"):
        FaceGallery("people.db", index="HNSW")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ImportError, match=r"'pymilvus'.*pip install 'keras-cv-course\[faces\]'"):
        FaceGallery(tmp_path / "people.db")


def test_the_logs_of_others_go_on(tmp_path):
    line = [sys.executable, "-c", LOG_TO_A_FILE, tmp_path / "people.db", tmp_path / "log.txt"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert "still here" in (tmp_path / "log.txt").read_text()
