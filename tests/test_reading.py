"""Files that take no room on the disk and would fill the memory, and that no reader takes."""

import os

import pytest

from keras_cv_course._reading import read_bytes
from keras_cv_course.data import coco_annotations, sharded, table_annotations, voc_annotations
from keras_cv_course.tflite.validation import check_file

HUGE = 2**36


def sparse(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    os.truncate(path, HUGE)
    return path


def test_a_file_is_read_up_to_a_size(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"four")
    assert read_bytes(path, 4) == b"four"
    with pytest.raises(ValueError, match=r"a\.txt must have at most 3 bytes\. It has 4"):
        read_bytes(path, 3)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("boxes.json", lambda path: coco_annotations(path, path.parent)),
        ("boxes.csv", lambda path: table_annotations(path, path.parent)),
        (
            "Annotations/a.xml",
            lambda path: voc_annotations(path.parents[1], annotations="Annotations"),
        ),
        ("shards.json", lambda path: sharded(path.parent, (8, 8, 3), (0.0, 1.0))),
        ("a.tflite", check_file),
    ],
)
def test_sparse_files_are_refused_unread(tmp_path, name, read):
    path = sparse(tmp_path / name)
    with pytest.raises(ValueError, match=rf"{path.name}.*(at most|too large)"):
        read(path)
