import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.data.drawn_faces import DRAWN_MIRROR, drawn_faces
from keras_cv_course.data.face_augmentation import (
    IBUG_MIRROR,
    FaceDistortion,
    distorted_faces,
    face_distortion,
)
from keras_cv_course.data.labelled import labelled_batches

RANGE = (0.0, 1.0)
STILL = FaceDistortion(0.0, 0.0, 0.0, None, 0.0, 0.0, 0.0)


def one_batch(images, labels, distortion, seed=0):
    dataset = tf.data.Dataset.from_tensors((images, labels))
    return next(iter(distorted_faces(dataset, RANGE, distortion, seed).as_numpy_iterator()))


def spots(points, size=(48, 64)):
    """Images with one white spot at each point, given from the centre as shares of the sides."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    x = (points[:, 0] + 0.5) * width - 0.5
    y = (points[:, 1] + 0.5) * height - 0.5
    far = (columns - x[:, None, None]) ** 2 + (rows - y[:, None, None]) ** 2
    return np.repeat(np.exp(-far / 8)[..., None], 3, -1).astype(np.float32)


def centres(images):
    """Where the light of each image is, likewise."""
    _, height, width, _ = images.shape
    rows, columns = np.mgrid[:height, :width]
    light = images[..., 0] / images[..., 0].sum((1, 2), keepdims=True)
    x = ((columns + 0.5) * light).sum((1, 2)) / width - 0.5
    y = ((rows + 0.5) * light).sum((1, 2)) / height - 0.5
    return np.stack([x, y], 1)


def test_points_stay_on_what_they_mark(rng):
    points = rng.uniform(-0.15, 0.15, (40, 2)).astype(np.float32)
    distortion = FaceDistortion(0.1, 30.0, 0.2, (0,), 0.0, 0.0, 0.0)
    images, labels = one_batch(spots(points), {"landmarks": points}, distortion)
    assert np.abs(labels["landmarks"] - points).max() > 0.1
    np.testing.assert_allclose(centres(images), labels["landmarks"], atol=4e-3)  # a quarter pixel


def test_a_mirror_renames_points_and_turns_angles_around():
    count = 64
    points = np.tile(np.float32([-0.2, 0.1, 0.3, 0.1]), (count, 1))
    labels = {
        "landmarks": points,
        "visibility": np.tile(np.float32([1, 0]), (count, 1)),
        "pose": np.tile(np.float32([20, 5, 10]), (count, 1)),
        "age": np.full((count, 1), 30, np.float32),
    }
    mirrored = FaceDistortion(0.0, 0.0, 0.0, (1, 0), 0.0, 0.0, 0.0)
    _, mirrored_labels = one_batch(np.zeros((count, 8, 8, 3), np.float32), labels, mirrored)
    flipped = mirrored_labels["pose"][:, 0] < 0
    assert 10 < flipped.sum() < 54
    np.testing.assert_allclose(
        mirrored_labels["landmarks"][flipped][0], [-0.3, 0.1, 0.2, 0.1], atol=1e-6
    )
    np.testing.assert_allclose(mirrored_labels["landmarks"][~flipped][0], points[0], atol=1e-6)
    assert mirrored_labels["visibility"][flipped][0].tolist() == [0, 1]
    assert mirrored_labels["pose"][flipped][0].tolist() == [-20, 5, -10]
    assert (mirrored_labels["age"] == 30).all()


def test_roll_grows_with_a_turn_to_the_right():
    # A spot to the right of the centre goes down when the image turns clockwise.
    points = np.tile(np.float32([0.2, 0.0]), (16, 1))
    labels = {"landmarks": points, "pose": np.zeros((16, 3), np.float32)}
    turned = FaceDistortion(0.0, 40.0, 0.0, None, 0.0, 0.0, 0.0)
    _, turned_labels = one_batch(np.zeros((16, 32, 32, 3), np.float32), labels, turned)
    x, y = turned_labels["landmarks"].T
    np.testing.assert_allclose(turned_labels["pose"][:, 2], np.degrees(np.arctan2(y, x)), atol=1e-3)
    assert not turned_labels["pose"][:, :2].any()


def test_unknown_labels_stay_unknown():
    labels = {
        name: np.full((4, n), np.nan, np.float32) for name, n in (("landmarks", 136), ("pose", 3))
    }
    _, changed = one_batch(np.zeros((4, 8, 8, 3), np.float32), labels, FaceDistortion())
    assert all(np.isnan(values).all() for values in changed.values())


def test_light_changes_within_the_range(rng):
    images = rng.uniform(0, 1, (8, 8, 8, 3)).astype(np.float32)
    lit, _ = one_batch(images, {"age": np.zeros((8, 1), np.float32)}, FaceDistortion())
    assert lit.min() >= 0
    assert lit.max() <= 1
    still, _ = one_batch(images, {"age": np.zeros((8, 1), np.float32)}, STILL)
    np.testing.assert_allclose(still, images, atol=1e-5)
    grey = FaceDistortion(0.0, 0.0, 0.0, None, 0.0, 0.0, 1.0)
    colourless, _ = one_batch(images, {"age": np.zeros((8, 1), np.float32)}, grey)
    np.testing.assert_allclose(colourless[..., 1], images.mean(-1), atol=1e-5)


def test_changes_are_seeded_and_new_in_every_epoch(rng):
    images = rng.uniform(0, 1, (4, 8, 8, 3)).astype(np.float32)
    dataset = tf.data.Dataset.from_tensors((images, {"age": np.zeros((4, 1), np.float32)}))
    distorted = distorted_faces(dataset, RANGE, seed=5)
    first, second = (next(iter(distorted.as_numpy_iterator()))[0] for _ in range(2))
    again = next(iter(distorted_faces(dataset, RANGE, seed=5).as_numpy_iterator()))[0]
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - second).max() > 0.01


def test_images_alone_are_changed_as_those_with_labels(rng):
    faces = rng.uniform(-1, 1, (16, 24, 24, 3)).astype(np.float32)
    labelled = tf.data.Dataset.from_tensors((faces, {"age": np.zeros((16, 1), np.float32)}))
    expected = [x.numpy() for x, _ in distorted_faces(labelled.repeat(2), (-1.0, 1.0), seed=3)]
    distort = face_distortion((-1.0, 1.0), seed=3)
    images = tf.data.Dataset.from_tensors(faces).repeat(2).map(distort)
    np.testing.assert_array_equal([x.numpy() for x in images], expected)
    assert np.abs(expected[0] - expected[1]).max() > 0.1


def test_a_mirror_alone(rng):
    faces = rng.uniform(0, 255, (16, 8, 8, 1)).astype(np.float32)
    mirror = FaceDistortion(0.0, 0.0, 0.0, IBUG_MIRROR, 0.0, 0.0, 0.0)
    changed = face_distortion((0.0, 255.0), mirror)(faces).numpy()
    straight = np.abs(changed - faces).max(axis=(1, 2, 3)) < 0.01
    mirrored = np.abs(changed - faces[:, :, ::-1]).max(axis=(1, 2, 3)) < 0.01
    assert np.all(straight ^ mirrored)
    assert 0 < np.sum(mirrored) < 16


def test_mirrors_are_their_own_inverse():
    for mirror in (IBUG_MIRROR, DRAWN_MIRROR):
        assert [mirror[i] for i in mirror] == list(range(len(mirror)))
    # Tip of the nose and chin stay; the outer corners of the eyes change places.
    assert (IBUG_MIRROR[30], IBUG_MIRROR[8], IBUG_MIRROR[36]) == (30, 8, 45)


def test_wrong_arguments_are_refused():
    labels = {"landmarks": np.zeros((1, 10), np.float32)}
    with pytest.raises(
        ValueError, match=r"`distortion.mirror` must say.*68 for labels of 5 points"
    ):
        one_batch(np.zeros((1, 8, 8, 3), np.float32), labels, FaceDistortion())
    with pytest.raises(ValueError, match="`zoom` must be at least 0 and below 1"):
        FaceDistortion(zoom=1.0)
    with pytest.raises(ValueError, match="`turn_degrees` must be at least 0 and below 180"):
        FaceDistortion(turn_degrees=-1)
    with pytest.raises(ValueError, match=r"`grey_share` must be in \[0, 1\]"):
        FaceDistortion(grey_share=2)


def test_drawn_faces_look_as_their_labels_say(tmp_path):
    faces = drawn_faces(tmp_path / "faces", 24, 48)
    sizes = {"smile": 1, "age": 1, "landmarks": 10}
    batches = labelled_batches([faces], sizes, (48, 48, 3), RANGE, 24)
    images, labels = next(iter(batches.as_numpy_iterator()))
    points = (labels["landmarks"].reshape(-1, 5, 2) + 0.5) * 48
    # The eyes are black.
    for image, (left, right, *_) in zip(images, points, strict=True):
        for x, y in (left, right):
            assert image[int(y), int(x)].max() < 0.2
    assert set(labels["smile"][:, 0]) == {0, 1}
    roll = np.degrees(np.arctan2(*(points[:, 1] - points[:, 0])[:, ::-1].T))
    np.testing.assert_allclose(faces.labels["pose"][:, 2], roll, atol=1e-3)
    assert np.isnan(faces.labels["pose"][:, :2]).all()
    same = drawn_faces(tmp_path / "again", 24, 48)
    assert (tmp_path / "again" / "face_0000.png").read_bytes() == (
        tmp_path / "faces" / "face_0000.png"
    ).read_bytes()
    np.testing.assert_array_equal(same.labels["age"], faces.labels["age"])
