import numpy as np
import pytest

from keras_cv_course.data import lfw_pairs

LINES = ["2\t1", "Ann_Lee\t1\t2", "Ann_Lee\t2\tBob\t1", "Bob\t1\t3", "Bob\t3\tAnn_Lee\t1"]


def write(folder, lines, absent=()):
    for name, count in (("Ann_Lee", 2), ("Bob", 3)):
        (folder / name).mkdir(exist_ok=True)
        for i in range(1, count + 1):
            if (name, i) not in absent:
                (folder / name / f"{name}_{i:04d}.jpg").touch()
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")
    return folder / "pairs.txt"


def test_reads_the_pairs(tmp_path):
    pairs = lfw_pairs(write(tmp_path, LINES), tmp_path)
    assert len(pairs) == 4
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [1, 1, 2, 2]
    assert pairs.people_a.tolist() == ["Ann_Lee", "Ann_Lee", "Bob", "Bob"]
    assert pairs.people_b.tolist() == ["Ann_Lee", "Bob", "Bob", "Ann_Lee"]
    assert pairs.files_a[1] == str(tmp_path / "Ann_Lee" / "Ann_Lee_0002.jpg")
    assert pairs.files_b[2] == str(tmp_path / "Bob" / "Bob_0003.jpg")


def test_reads_one_fold_where_others_are_missing(tmp_path):
    path = write(tmp_path, LINES, absent={("Bob", 3)})
    pairs = lfw_pairs(path, tmp_path, fold=1)
    assert pairs.same.tolist() == [True, False]
    assert pairs.fold.tolist() == [1, 1]
    with pytest.raises(FileNotFoundError, match=r"1 are missing, first .*Bob_0003.jpg. `fold`"):
        lfw_pairs(path, tmp_path)
    for fold in (0, 3):
        with pytest.raises(ValueError, match=r"`fold` must be from 1 to 2"):
            lfw_pairs(path, tmp_path, fold=fold)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "must begin with the number of folds"),
        (["10"], "must begin with the number of folds"),
        (["2\tx"], "must begin with the number of folds"),
        (LINES[:-1], "must have 4 pairs: 2 folds of 1 of each kind. It has 3"),
        ([*LINES[:-1], "Bob\t1"], "A line of .* must be a name and two numbers"),
        ([*LINES[:-1], "Bob\t1\tAnn_Lee\tx"], "A line of .* must be a name and two numbers"),
    ],
)
def test_file_must_be_of_the_form(lines, problem, tmp_path):
    with pytest.raises(ValueError, match=problem):
        lfw_pairs(write(tmp_path, lines), tmp_path)


def test_file_and_folder_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*absent"):
        lfw_pairs(tmp_path / "absent", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*absent"):
        lfw_pairs(write(tmp_path, LINES), tmp_path / "absent")


@pytest.mark.data
def test_reads_the_official_file(shared):
    lfw = shared / "data" / "lfw"
    official = lfw_pairs(lfw / "pairs.txt", lfw / "fold1", fold=1)
    own = lfw_pairs(lfw / "pairs_fold1.txt", lfw / "fold1")
    assert len(own) == 600
    assert np.sum(own.same) == 300
    np.testing.assert_array_equal(official.files_a, own.files_a)
    np.testing.assert_array_equal(official.files_b, own.files_b)
    # Names with a number of one's own are not taken for one person.
    np.testing.assert_array_equal(own.same, own.people_a == own.people_b)
    assert np.all(own.same[:300])


def test_other_text_and_names_that_lead_out_are_refused(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "outside_0001.jpg").touch()
    (tmp_path / "lfw").mkdir()
    path = write(tmp_path / "lfw", ["1\t1", "Ann_Lee\t1\t2", "../outside\t1\tBob\t1"])
    with pytest.raises(ValueError, match="is not below"):
        lfw_pairs(path, tmp_path / "lfw")
    path.write_bytes("1\t1".encode("utf-16"))
    with pytest.raises(ValueError, match=r"pairs\.txt must be text in UTF-8, and is in UTF-16"):
        lfw_pairs(path, tmp_path / "lfw")


@pytest.mark.parametrize("line", ["[" * 20_000, f"{'x' * 20_000}\t1\t2"])
def test_messages_of_long_lines_are_short(tmp_path, line):
    path = write(tmp_path, [LINES[0], line, *LINES[2:]])
    with pytest.raises(ValueError, match=str(tmp_path)) as caught:
        lfw_pairs(path, tmp_path)
    assert len(str(caught.value)) < 1000
