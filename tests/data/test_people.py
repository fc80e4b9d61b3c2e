import numpy as np
import pytest
from PIL import Image

from keras_cv_course.data import (
    People,
    digit_people,
    join_people,
    load_images,
    people_folder,
    split_people,
)
from keras_cv_course.data.people import image_reader

SHAPE, RANGE = (4, 4, 3), (0.0, 255.0)


def write(path, value, size=(8, 8), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (value,) * 3 if mode == "RGB" else value).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three of ann, one below, two of bob, one of eve, and files of no person."""
    for i in range(2):
        write(tmp_path / "ann" / f"{i}.png", 10 + i)
        write(tmp_path / "bob" / f"{i}.png", 20 + i, mode="L")
    write(tmp_path / "ann" / "more" / "2.png", 12)
    write(tmp_path / "eve" / "0.png", 30)
    write(tmp_path / "of_nobody.png", 99)
    (tmp_path / "nobody").mkdir()
    return tmp_path


def brightness(people):
    return people.load(SHAPE, RANGE)[:, 0, 0, 0].tolist()


def test_reads_who_is_on_each(folder):
    people = people_folder(folder)
    assert people.names == ("ann", "bob", "eve")
    assert people.labels.tolist() == [0, 0, 0, 1, 1, 2]
    assert people.labels.dtype == np.int32
    assert brightness(people) == [10, 11, 12, 20, 21, 30]
    assert people.skipped == ()


def test_leaves_out_who_has_too_few_images(folder):
    assert people_folder(folder, min_images=2).names == ("ann", "bob")
    with pytest.raises(ValueError, match=r"at least two people, with 3 or more images.* 1 such"):
        people_folder(folder, min_images=3)


def test_leaves_out_what_cannot_be_decoded(folder, caplog):
    (folder / "bob" / "0.png").write_bytes(b"no image")
    people = people_folder(folder)
    assert people.skipped == (str(folder / "bob" / "0.png"),)
    assert brightness(people) == [10, 11, 12, 21, 30]
    assert "Skipped 1 of 6 images" in caplog.text


def test_folder_must_be_one_of_people(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder"):
        people_folder(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"at least two people, with 1 or more .* 0 such"):
        people_folder(tmp_path)


def test_images_are_those_of_load_images(tmp_path, rng):
    pixels = rng.integers(0, 256, (2, 30, 20, 3)).astype(np.uint8)
    paths = [tmp_path / name / "0.png" for name in ("ann", "bob")]
    for path, image in zip(paths, pixels, strict=True):
        path.parent.mkdir()
        Image.fromarray(image).save(path)
    expected = load_images(paths, (12, 9, 3), (-1.0, 1.0))
    of_files = people_folder(tmp_path)
    of_arrays = People(pixels, of_files.labels, of_files.names)
    for people in (of_files, of_arrays):
        np.testing.assert_allclose(people.load((12, 9, 3), (-1.0, 1.0)), expected, atol=1e-6)


def test_crop_keeps_the_middle():
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[:, 2:6, 2:6] = 255
    people = People(np.repeat(image, 2, axis=0), np.arange(2), ("a", "b"))
    assert people.load((4, 4, 1), (0.0, 1.0), crop=0.5).min() == 1.0
    assert people.load((4, 4, 1), (0.0, 1.0)).min() == 0.0
    for crop in (0, 1.1):
        with pytest.raises(ValueError, match=r"`crop` must be at least 0.001 and at most 1"):
            image_reader(people, (4, 4, 1), (0.0, 1.0), crop)


def test_grey_and_colour_become_each_other():
    grey = People(np.full((2, 4, 4, 1), 7, np.uint8), np.arange(2), ("a", "b"))
    assert grey.load((4, 4, 3), RANGE).tolist() == np.full((2, 4, 4, 3), 7.0).tolist()
    red = People(np.tile(np.array([100, 0, 0], np.uint8), (2, 4, 4, 1)), np.arange(2), ("a", "b"))
    np.testing.assert_allclose(red.load((4, 4, 1), RANGE), 29.0)  # of luminance, 0.2989


def test_digits_are_ten_people():
    people = digit_people()
    assert people.names == tuple("0123456789")
    assert people.images.shape == (1797, 8, 8, 1)
    assert (people.images.min(), people.images.max()) == (0, 255)
    assert np.bincount(people.labels).min() > 170


def test_split_shares_nobody(folder):
    people = digit_people()
    train, unseen = split_people(people, 0.3, seed=1)
    assert len(unseen.names) == 3
    assert sorted(train.names + unseen.names) == sorted(people.names)
    for part in (train, unseen):
        for name in part.names:
            own = part.images[part.labels == part.names.index(name)]
            before = people.images[people.labels == people.names.index(name)]
            np.testing.assert_array_equal(own, before)
    assert split_people(people, 0.3, seed=1)[1].names == unseen.names
    assert {split_people(people, 0.3, seed=s)[1].names for s in range(5)} != {unseen.names}


@pytest.mark.parametrize("share", [0, 1, 0.01, 0.99])
def test_split_leaves_someone_on_each_side(share):
    with pytest.raises(ValueError, match=r"`held_out` must be a share"):
        split_people(digit_people(), share)


def test_select_renumbers(folder):
    people = people_folder(folder).select(["eve", "ann"])
    assert people.names == ("eve", "ann")
    assert people.labels.tolist() == [1, 1, 1, 0]
    with pytest.raises(ValueError, match=r"`names` must be one of 'eve', 'ann'"):
        people.select(["bob"])
    with pytest.raises(ValueError, match=r"at least one person"):
        people.select([])


def test_join_takes_one_name_for_one_person(folder):
    people = people_folder(folder)
    joined = join_people(people.select(["bob", "eve"]), people.select(["ann", "bob"]))
    assert joined.names == ("bob", "eve", "ann")
    assert joined.labels.tolist() == [0, 0, 1, 2, 2, 2, 0, 0]


def test_every_number_has_images_and_a_name():
    with pytest.raises(ValueError, match=r"`labels` must be the person of each image"):
        People(np.zeros((2, 4, 4, 1), np.uint8), np.zeros(3), ("a",))
    with pytest.raises(ValueError, match=r"`names` must name each person"):
        People(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 2]), ("a", "b"))


def test_the_first_images_of_the_first_people():
    labels = np.array([0, 1, 0, 2, 1, 0, 2, 2], np.int32)
    images = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1) * np.ones((1, 2, 2, 1), np.uint8)
    people = People(images, labels, ("a", "b", "c"))
    some = people.at_most(5)
    assert some.names == ("a", "b")
    assert some.images[:, 0, 0, 0].tolist() == [0, 1, 2, 4]
    assert people.at_most(6).images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 6]
    assert people.at_most(100).names == people.names
    read = people.load((2, 2, 1), (0.0, 255.0), rows=np.array([7, 2]))
    assert read[:, 0, 0, 0].tolist() == [7, 2]
    with pytest.raises(ValueError, match=r"`count` must be at least 4"):
        people.at_most(3)
