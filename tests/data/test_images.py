import logging

import numpy as np
import pytest
from image_files import COLOURS, class_folders, truncated
from PIL import Image

from keras_cv_course.data import as_arrays, image_folder, labelled_folder, load_images

SHAPE = (8, 8, 3)
SIGNED = (-1.0, 1.0)


def colours_of(images):
    """Returns the label that the colour of each plain image stands for."""
    wanted = np.array(list(COLOURS.values())) / 127.5 - 1
    return np.abs(images[:, None, 4, 4] - wanted).sum(-1).argmin(-1)


def test_a_share_is_held_out_and_labels_follow_the_images(tmp_path, capsys):
    data = image_folder(class_folders(tmp_path / "d"), SHAPE, SIGNED, batch_size=4, seed=3)
    assert capsys.readouterr().out == ""
    assert data.class_names == ("blue", "green", "red")
    assert data.test is None
    assert data.skipped == ()
    train, val = as_arrays(data.train), as_arrays(data.val)
    assert (len(train[0]), len(val[0])) == (12, 3)
    for images, labels in (train, val):
        assert images.shape[1:] == SHAPE
        assert images.dtype == np.float32
        np.testing.assert_array_equal(colours_of(images), labels)


def test_the_seed_decides_split_and_order(tmp_path):
    folder = tmp_path / "d"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for i in range(20):
            value = 6 * i + 120 * (name == "b")
            Image.new("L", (4, 4), value).save(folder / name / f"{i}.png")
    shape, pixels = (4, 4, 1), (0.0, 255.0)

    def values(seed):
        data = image_folder(folder, shape, pixels, seed=seed)
        orders = [as_arrays(data.train)[0][:, 0, 0, 0].tolist() for _ in range(2)]
        return orders, as_arrays(data.val)[0][:, 0, 0, 0].tolist()

    first, again, other = values(0), values(0), values(1)
    assert first == again
    assert first[1] != other[1]
    (epoch, following), held_out = first
    assert epoch != following
    assert sorted(epoch) == sorted(following)
    assert sorted(epoch + held_out) == [6.0 * i for i in range(40)]


def test_pixels_fill_the_input_range(tmp_path):
    folder = class_folders(tmp_path / "d", count=2)
    for low, high in ((0.0, 255.0), (-1.0, 1.0), (0.0, 1.0)):
        images, _ = as_arrays(image_folder(folder, SHAPE, (low, high)).train)
        assert (images.min(), images.max()) == (low, high)


def test_train_and_val_folders_are_kept_apart(tmp_path):
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        class_folders(tmp_path / split, count)
    data = image_folder(tmp_path, SHAPE, SIGNED)
    sizes = [len(as_arrays(split)[1]) for split in (data.train, data.val, data.test)]
    assert sizes == [12, 6, 9]
    orders = [as_arrays(data.train)[1].tolist() for _ in range(2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    assert as_arrays(data.val)[1].tolist() == [0, 0, 1, 1, 2, 2]


def test_corrupt_images_are_named_and_skipped(tmp_path, caplog):
    folder = class_folders(tmp_path / "d")
    bad = {str(truncated(folder / "red" / "half.jpg")), str(folder / "blue" / "empty.png")}
    (folder / "blue" / "empty.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        data = image_folder(folder, SHAPE, SIGNED)
    assert set(data.skipped) == bad
    text = " ".join(record.getMessage() for record in caplog.records)
    assert all(path in text for path in bad)
    assert all("\n" not in record.getMessage() for record in caplog.records)
    for _ in range(2):
        total = sum(len(as_arrays(split)[1]) for split in (data.train, data.val))
        assert total == 15


def test_a_file_that_goes_bad_later_is_an_error(tmp_path):
    folder = class_folders(tmp_path / "d")
    data = image_folder(folder, SHAPE, SIGNED)
    for path in (folder / "red").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(Exception, match="image file format"):
        as_arrays(data.train)


def test_images_are_cropped_around_the_centre(tmp_path):
    image = Image.new("RGB", (30, 10), (255, 0, 0))
    image.paste((0, 255, 0), (10, 0, 20, 10))
    image.save(tmp_path / "wide.png")
    loaded = load_images([tmp_path / "wide.png"], (10, 10, 3), (0.0, 255.0))
    np.testing.assert_array_equal(loaded, np.full((1, 10, 10, 3), (0, 255, 0), np.float32))


def test_a_image_is_loaded_as_it_is_in_training(tmp_path, rng):
    folder = tmp_path / "d"
    paths = []
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for i in range(3):
            paths.append(folder / name / f"{i}.png")
            noise = rng.integers(0, 256, (17, 23, 3), np.uint8)
            Image.fromarray(noise).save(paths[-1])
    dataset, skipped = labelled_folder(folder, SHAPE, SIGNED, ("a", "b"))
    images, labels = as_arrays(dataset)
    assert skipped == ()
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(load_images(paths, SHAPE, SIGNED), images, atol=1e-6)


def test_labels_follow_the_model_and_not_the_alphabet(tmp_path):
    folder = class_folders(tmp_path / "d", count=1)
    dataset, _ = labelled_folder(folder, SHAPE, SIGNED, ("red", "blue", "green"))
    images, labels = as_arrays(dataset)
    assert labels.tolist() == [0, 1, 2]
    assert colours_of(images).tolist() == [2, 0, 1]


def test_bad_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        image_folder(tmp_path / "none", SHAPE, SIGNED)
    (tmp_path / "one" / "only").mkdir(parents=True)
    with pytest.raises(ValueError, match="at least two classes"):
        image_folder(tmp_path / "one", SHAPE, SIGNED)
    (tmp_path / "one" / "other").mkdir()
    with pytest.raises(ValueError, match=r"must hold an image .* None is there in 'only', 'other'"):
        image_folder(tmp_path / "one", SHAPE, SIGNED)
    class_folders(tmp_path / "half" / "train")
    with pytest.raises(ValueError, match="both `train` and `val`"):
        image_folder(tmp_path / "half", SHAPE, SIGNED)
    class_folders(tmp_path / "differ" / "train", 1)
    for name in ("blue", "green", "violet"):
        (tmp_path / "differ" / "val" / name).mkdir(parents=True)
    with pytest.raises(ValueError, match="None is there in 'blue', 'green', 'violet'"):
        labelled_folder(tmp_path / "differ" / "val", SHAPE, SIGNED, ("blue", "green", "violet"))
    with pytest.raises(ValueError, match=r"Missing: \['red'\]. Unknown: \['violet'\]"):
        image_folder(tmp_path / "differ", SHAPE, SIGNED)
    for name in ("a", "b"):
        (tmp_path / "bad" / name).mkdir(parents=True)
        truncated(tmp_path / "bad" / name / "x.jpg")
    with pytest.raises(ValueError, match="None can be decoded in 'a', 'b'"):
        image_folder(tmp_path / "bad", SHAPE, SIGNED, validation_split=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (None, None, 3)}, "each known"),
        ({"input_shape": (8, 8, 4)}, "1 channel"),
        ({"input_range": (1.0, -1.0)}, "smallest and the largest"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"validation_split": 1.0}, "`validation_split`"),
    ],
)
def test_bad_options_are_refused(tmp_path, options, message):
    options = {"input_shape": SHAPE, "input_range": SIGNED, **options}
    with pytest.raises(ValueError, match=message):
        image_folder(class_folders(tmp_path / "d", 1), **options)


def test_bad_images_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no image"):
        load_images([tmp_path / "none.png"], SHAPE, SIGNED)
    with pytest.raises(ValueError, match="cannot be decoded"):
        load_images([truncated(tmp_path / "half.jpg")], SHAPE, SIGNED)


@pytest.mark.data
def test_flowers17_is_read_as_its_readme_says(shared):
    data = image_folder(shared / "data" / "flowers17", (16, 16, 3), SIGNED, batch_size=64)
    assert len(data.class_names) == 17
    train, val = (np.bincount(as_arrays(split)[1]) for split in (data.train, data.val))
    assert train.tolist() == [38] * 17
    assert val.tolist() == [7] * 17
