"""Which files are learned from and which held out: as drawn, and as a run recorded it."""

import logging
import os

import keras
import numpy as np
import pytest
from image_files import class_folders, truncated
from PIL import Image

from keras_cv_course.data import as_arrays, image_folder, labelled_folder
from keras_cv_course.data.class_folders import draw_split, list_files

SHAPE = (8, 8, 3)
SIGNED = (-1.0, 1.0)


def open_folder(folder, **options):
    return image_folder(folder, SHAPE, SIGNED, **options)


def add(path, size=(9, 9)):
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", size).save(path)


@pytest.mark.parametrize("seed", [0, 7])
def test_the_split_is_the_one_that_keras_draws(tmp_path, seed, capsys):
    folder = class_folders(tmp_path / "d", 11)
    (folder / "red" / "deeper").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "red" / "deeper" / "0.PNG")
    both = keras.utils.image_dataset_from_directory(
        folder, validation_split=0.2, subset="both", seed=seed, batch_size=None
    )
    data = open_folder(folder, seed=seed)
    for split, expected in zip(("train", "val"), both, strict=True):
        assert list(data.files[split][0]) == expected.file_paths
    paths, _ = list_files(folder, ("blue", "green", "red"))
    assert draw_split(paths, 0.2, seed) == (both[0].file_paths, both[1].file_paths)


def test_a_recorded_split_is_made_again_though_images_have_come(tmp_path, caplog):
    folder = class_folders(tmp_path / "d", 20)
    first = open_folder(folder, seed=3)
    assert first.unlisted == ()
    assert {name: len(files) for name, files in first.split_files.items()} == {
        "train": 48,
        "val": 12,
    }
    assert all(name.split("/")[0] in first.class_names for name in first.split_files["val"])
    add(folder / "blue" / "00b.png")
    add(folder / "ant" / "0.png")  # A class before all others, which would move their numbers.
    truncated(folder / "red" / "half.jpg")
    recorded = {name: list(files) for name, files in first.split_files.items()}
    with caplog.at_level(logging.WARNING):
        again = open_folder(folder, seed=3, files=recorded)
    assert again.split_files == first.split_files
    assert again.class_names == first.class_names
    assert again.unlisted == (str(folder / "ant" / "0.png"), str(folder / "blue" / "00b.png"))
    assert "Left out 2 images" in caplog.text
    for split in ("train", "val"):
        np.testing.assert_array_equal(again.files[split][1], first.files[split][1])
    # Order and pixels of epochs too, so that a run goes on exactly.
    for ours, theirs in zip(
        again.epochs.since(5).take(2), first.epochs.since(5).take(2), strict=True
    ):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    trained = set(first.files["train"][0])
    assert not trained & set(again.files["val"][0])
    assert trained & set(open_folder(folder, seed=3).files["val"][0])  # Drawn anew.


def test_splits_with_folders_of_their_own_are_recorded_too(tmp_path):
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        class_folders(tmp_path / split, count)
    first = open_folder(tmp_path)
    assert first.split_files["test"] == ("test/blue/0.png", "test/green/0.png", "test/red/0.png")
    add(tmp_path / "val" / "red" / "9.png")
    again = open_folder(tmp_path, files=first.split_files)
    assert again.split_files == first.split_files
    assert again.unlisted == (str(tmp_path / "val" / "red" / "9.png"),)


def test_a_recorded_image_that_is_gone_or_broken_is_named(tmp_path):
    folder = class_folders(tmp_path / "d")
    files = open_folder(folder).split_files
    path = folder / files["val"][0]
    truncated(path)
    with pytest.raises(ValueError, match=f"{path} is an image that `files` records"):
        open_folder(folder, files=files)
    path.unlink()
    with pytest.raises(ValueError, match=f"1 are missing, first {path}. Put them back"):
        open_folder(folder, files=files)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train": ["red/0.png"]}, "`files` must name the files of 'train' and 'val'"),
        ({"train": ["red/0.png"], "val": []}, "at least one file in each split"),
        ({"train": ["red/0.png"], "val": [3]}, "each as text"),
        ({"train": ["red/0.png"], "val": ["red/0.png"]}, "each file once.*'red/0.png'"),
        ({"train": ["red/0.png"], "val": ["../x/0.png"]}, "is not below"),
        ({"train": ["red/0.png"], "val": ["/etc/passwd"]}, "is not below"),
        (
            {"train": ["red/0.png"], "val": ["0.png"]},
            "must name images of 'val' in class folders",
        ),
        (["red/0.png"], "`files` must name the files"),
    ],
)
def test_what_records_no_split_is_refused(tmp_path, files, message):
    with pytest.raises(ValueError, match=message):
        open_folder(class_folders(tmp_path / "d"), files=files)


def test_webp_is_read_and_files_of_other_kinds_are_reported(tmp_path):
    for split in ("train", "val"):
        for name, suffix in (("cat", "webp"), ("dog", "JPG")):
            for i in range(2):
                add_to = tmp_path / split / name
                add_to.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (9, 9)).save(add_to / f"{i}.{suffix}")
    (tmp_path / "val/cat/note.txt").touch()
    (tmp_path / "val/cat/.DS_Store").touch()
    data = open_folder(tmp_path)
    assert {name: labels.tolist() for name, (_, labels) in data.files.items()} == {
        "train": [0, 0, 1, 1],
        "val": [0, 0, 1, 1],
    }
    assert data.skipped == (str(tmp_path / "val/cat/note.txt"),)
    assert as_arrays(data.train)[0].shape == (4, *SHAPE)


@pytest.mark.parametrize("layout", ["separate", "held out", "labelled"])
def test_a_class_without_a_image_that_can_be_read_is_named(tmp_path, layout):
    read = {
        "separate": lambda: open_folder(tmp_path),
        "held out": lambda: open_folder(tmp_path / "val"),
        "labelled": lambda: labelled_folder(
            tmp_path / "val", SHAPE, SIGNED, ("blue", "cat", "green", "red")
        ),
    }[layout]
    for split in ("train", "val"):
        class_folders(tmp_path / split)
        (tmp_path / split / "cat").mkdir()
    if layout == "separate":
        add(tmp_path / "train/cat/0.png")
    with pytest.raises(ValueError, match=r"Each class folder of .*/val must .* is there in 'cat'"):
        read()
    (tmp_path / "val/cat/0.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"Each class folder of .*/val .* can be decoded in 'cat'"):
        read()


def test_photographs_are_trained_upright(tmp_path):
    upright = np.zeros((16, 16, 3), np.uint8)
    upright[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            turned = Image.fromarray(np.rot90(upright))
            turned.save(tmp_path / name / f"{i}.jpg", exif=exif, quality=95)
    data = image_folder(tmp_path, (8, 8, 3), (0.0, 255.0), validation_split=0.4)
    for split in (data.train, data.val):
        rows = as_arrays(split)[0].mean((0, 2, 3))
        np.testing.assert_allclose(rows, [255] * 4 + [0] * 4, atol=4)


def test_links_to_files_and_class_folders_are_followed(tmp_path):
    folder = class_folders(tmp_path / "d")
    (tmp_path / "far").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "far" / "0.png")
    (folder / "yellow").symlink_to(tmp_path / "far")
    (folder / "red" / "link.png").symlink_to(tmp_path / "far" / "0.png")
    names = [name for names in open_folder(folder).split_files.values() for name in names]
    assert {"yellow/0.png", "red/link.png"} <= set(names)


def test_a_class_folder_whose_name_is_not_utf_8_is_named(tmp_path):
    folder = class_folders(tmp_path / "d")
    (folder / os.fsdecode(b"\xff")).mkdir()
    with pytest.raises(ValueError, match=r"\\xff has a name that is not UTF-8. Rename it."):
        open_folder(folder)
