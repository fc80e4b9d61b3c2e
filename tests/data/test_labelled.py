import numpy as np
import pytest
from PIL import Image

from keras_cv_course.data.face_augmentation import FaceDistortion, distorted_faces
from keras_cv_course.data.labelled import (
    LabelledImages,
    labelled_batches,
    labelled_epochs,
    split_images,
)

SHAPE = (8, 8, 3)
RANGE = (-1.0, 1.0)


@pytest.fixture
def sources(tmp_path):
    """Four dark images with ages, and six bright ones of three people with smiles."""
    dark, bright = [], []
    for i in range(10):
        value, mode = (51 * i % 100, "RGB") if i < 4 else (200, "L")
        path = tmp_path / f"{i}.png"
        Image.new(mode, (10, 12), value if mode == "L" else (value,) * 3).save(path)
        (dark if i < 4 else bright).append(str(path))
    ages = LabelledImages(tuple(dark), {}).with_labels(age=[10, 20, 30, 40])
    smiles = LabelledImages(tuple(bright), {}, tuple("aabbcc")).with_labels(
        smile=[0, 1, 0, 1, 0, 1]
    )
    return ages, smiles


def test_missing_labels_are_nan_and_images_of_all_sets_come_together(sources):
    batches = labelled_batches(sources, {"age": 1, "smile": 1}, SHAPE, RANGE, batch_size=10)
    images, labels = next(iter(batches.as_numpy_iterator()))
    assert images.shape == (10, *SHAPE)
    nan = np.nan
    np.testing.assert_array_equal(labels["age"][:, 0], [10, 20, 30, 40, *[nan] * 6])
    np.testing.assert_array_equal(labels["smile"][:, 0], [*[nan] * 4, 0, 1, 0, 1, 0, 1])
    np.testing.assert_allclose(images[1], np.full(SHAPE, 51 / 127.5 - 1), atol=1e-6)
    np.testing.assert_allclose(images[9], np.full(SHAPE, 200 / 127.5 - 1), atol=1e-6)


def test_a_file_that_cannot_be_decoded_is_left_out_with_its_label(sources, tmp_path, caplog):
    ages, _ = sources
    (tmp_path / "1.png").write_bytes(b"no image")
    images, labels = next(iter(labelled_batches([ages], {"age": 1}, SHAPE, RANGE, 10)))
    assert len(images) == 3
    assert labels["age"].numpy()[:, 0].tolist() == [10, 30, 40]
    assert "Skipped 1 of 4" in caplog.text


def test_the_order_is_new_in_each_epoch_and_seeded(sources):
    def orders(seed):
        batches = labelled_batches(sources, {"age": 1}, SHAPE, RANGE, 10, shuffle=True, seed=seed)
        return [next(iter(batches.as_numpy_iterator()))[1]["age"][:, 0].tolist() for _ in range(2)]

    first, second = orders(1)
    assert repr(first) != repr(second)
    assert sorted(v for v in first if v == v) == [10, 20, 30, 40]
    assert repr(orders(1)[0]) == repr(first)


def test_epochs_are_functions_of_their_number(sources):
    def read(first, epochs=1, distortion=None):
        data = labelled_epochs(sources, {"age": 1}, SHAPE, RANGE, 4)
        if distortion is not None:
            data = distorted_faces(data, RANGE, distortion)
        pairs = list(data.since(first).take(epochs * data.batches).as_numpy_iterator())
        return [np.concatenate(x) for x in zip(*((i, y["age"]) for i, y in pairs), strict=True)]

    images, ages = read(0, epochs=2)
    assert images.shape == (20, *SHAPE)
    assert sorted(ages[:10][np.isfinite(ages[:10])]) == [10, 20, 30, 40]
    assert repr(ages[:10].tolist()) != repr(ages[10:].tolist())
    np.testing.assert_array_equal(read(1)[1], ages[10:])
    lighter = FaceDistortion(mirror=None, brightness=0.3)
    both, _ = read(0, epochs=2, distortion=lighter)
    assert np.abs(both - images).max() > 0.1
    np.testing.assert_array_equal(read(1, distortion=lighter)[0], both[10:])


def test_parts_have_nobody_in_common(sources):
    parts = split_images(sources[1], (2 / 3, 1 / 3), seed=3)
    people = [set(part.people) for part in parts]
    assert [len(p) for p in people] == [2, 1]
    assert not people[0] & people[1]
    assert sum(len(part) for part in parts) == 6
    again = split_images(sources[1], (2 / 3, 1 / 3), seed=3)
    assert [part.files for part in again] == [part.files for part in parts]
    others = {split_images(sources[1], (2 / 3, 1 / 3), seed=s)[1].people[0] for s in range(9)}
    assert len(others) > 1


def test_unknown_people_are_split_by_image_and_labels_go_along(sources):
    parts = split_images(sources[0], (0.5, 0.5))
    assert [len(part) for part in parts] == [2, 2]
    for part in parts:
        for file, age in zip(part.files, part.labels["age"][:, 0], strict=True):
            assert age == 10 * (sources[0].files.index(file) + 1)


@pytest.mark.parametrize("value", [np.inf, -1e39])
def test_infinite_labels_are_refused(value):
    images = LabelledImages(("a.jpg", "b.jpg"), {})
    with pytest.raises(ValueError, match=r"The label 'age' of b\.jpg is infinite"):
        images.with_labels(age=[np.nan, value])


def test_wrong_arguments_are_refused(sources):
    ages, smiles = sources
    with pytest.raises(ValueError, match=r"`shares` must be above 0 and sum to 1.*\(0.5, 0.6\)"):
        split_images(ages, (0.5, 0.6))
    with pytest.raises(ValueError, match="`shares` must leave no part empty"):
        split_images(smiles, (0.95, 0.05))
    with pytest.raises(ValueError, match="`labels` must have an entry for each of 4 files"):
        LabelledImages(ages.files, {"age": np.zeros((3, 1))})
    with pytest.raises(ValueError, match="The labels of 'age' must have 2 values each"):
        labelled_batches(sources, {"age": 2}, SHAPE, RANGE)
    with pytest.raises(ValueError, match=r"labels of every task. There are none of \['pose'\]"):
        labelled_batches(sources, {"age": 1, "pose": 3}, SHAPE, RANGE)
    with pytest.raises(ValueError, match="`sources` must hold at least one image"):
        labelled_batches((), {"age": 1}, SHAPE, RANGE)
