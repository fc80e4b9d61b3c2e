import io
import zipfile

import pytest
import tiny_files

from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.tflite.labels import append_labels, read_labels
from keras_cv_course.tflite.metadata import ClassifierMetadata, add_metadata

NAMES = ["cat", "żółw", "traffic light", " padded ", "\u2028line separator"]


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "labelled.tflite"
    path.write_bytes(append_labels(tiny_files.content("float"), NAMES))
    return path


def test_names_come_back(labelled):
    assert read_labels(labelled) == tuple(NAMES)


def test_the_network_is_untouched_and_zip_programs_read_the_names(labelled):
    data = labelled.read_bytes()
    assert data.startswith(tiny_files.content("float"))
    with zipfile.ZipFile(labelled) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode().split("\n") == [*NAMES, ""]
        # Readers that do not search for the archive's start count offsets from the file's.
        assert archive.infolist()[0].header_offset == len(tiny_files.content("float"))


def test_a_file_without_names_has_none(tmp_path):
    assert read_labels(tiny_files.write(tmp_path, "float")) is None


def test_equal_names_give_equal_bytes():
    data = tiny_files.content("float")
    assert append_labels(data, NAMES) == append_labels(data, tuple(NAMES))


def test_names_are_replaced_and_other_members_kept(tmp_path):
    file = io.BytesIO(tiny_files.content("float"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("notes.txt", "kept")
    path = tmp_path / "model.tflite"
    path.write_bytes(append_labels(append_labels(file.getvalue(), ["a", "b"]), ["c"]))
    assert read_labels(path) == ("c",)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["notes.txt", "labels.txt"]
        assert archive.read("notes.txt") == b"kept"
    assert path.read_bytes().startswith(tiny_files.content("float"))


def test_an_archive_with_other_members_only_has_no_names(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "")
    assert read_labels(path) is None


def test_an_empty_archive_is_replaced(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    with zipfile.ZipFile(path, "a"):
        pass
    assert zipfile.is_zipfile(path)
    path.write_bytes(append_labels(path.read_bytes(), ["a"]))
    assert read_labels(path) == ("a",)
    assert path.read_bytes().startswith(tiny_files.content("float"))


def test_carriage_returns_of_other_writers_are_dropped(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "cat\r\ndog")
    assert read_labels(path) == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("\ufeffcat\r\ndog\r\nowl\r\n", ("cat", "dog", "owl")),  # as Notepad writes it
        ("cat\ndog\nowl\n\n \n", ("cat", "dog", "owl")),
        ("cat\n\nowl", ("cat", "1", "owl")),
        ("cat\ndog\n", ("cat", "dog", "2")),
        ("cat\ndog\nowl\ncow\n", ("cat", "dog", "owl")),
        ("\n", None),
    ],
)
def test_lists_of_other_writers_name_each_class(text, names, tmp_path, caplog):
    path = tiny_files.write(tmp_path, "float")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", text)
    assert TFLiteModel(path, validate=False).class_names == names
    assert ("class names for 3 classes" in caplog.text) == (text.strip()[-3:] in ("dog", "cow"))


def test_a_list_of_another_name_is_read_where_metadata_name_it(tmp_path):
    data = add_metadata(tiny_files.content("float"), ClassifierMetadata(("a", "b", "c")), (0, 255))
    path = tmp_path / "m.tflite"
    path.write_bytes(data.replace(b"labels.txt", b"labelz.txt"))
    assert TFLiteModel(path, validate=False).class_names == ("a", "b", "c")


def test_corrupt_names_are_an_error(labelled):
    data = labelled.read_bytes()
    labelled.write_bytes(data.replace(b"traffic", b"tRaffic", 1))
    with pytest.raises(
        ValueError, match=r"labelled.tflite holds a list labels.txt that cannot be read"
    ):
        read_labels(labelled)


def test_a_huge_list_of_names_is_refused(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", bytes(20 * 2**20))
    with pytest.raises(ValueError, match="20,971,520 bytes, which is too large"):
        read_labels(path)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ([], ValueError, "at least one name"),
        (["cat", ""], ValueError, r"text without a line break. Received: ''"),
        (["cat\ndog"], ValueError, r"without a line break. Received: 'cat\\ndog'"),
        ("cat", TypeError, r"list of strings.*Received: 'cat'"),
        ([1, 2], TypeError, r"list of strings.*Received: \[1, 2\]"),
    ],
)
def test_wrong_names_are_errors(names, error, message):
    with pytest.raises(error, match=message):
        append_labels(tiny_files.content("float"), names)
