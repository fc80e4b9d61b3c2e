import keras
import numpy as np
import pytest

from keras_cv_course.data import (
    People,
    all_pairs,
    balanced_batches,
    balanced_epochs,
    image_pairs,
    image_triplets,
)
from keras_cv_course.data.pairs import sample_pairs
from keras_cv_course.faces import SiameseEncoder, SiameseNetwork

SHAPE, RANGE = (4, 4, 1), (0.0, 255.0)
COUNTS = (6, 1, 3, 2)


@pytest.fixture
def people():
    """Four people; each pixel of an image is its row, and so tells which it is."""
    labels = np.repeat(np.arange(4, dtype=np.int32), COUNTS)
    images = np.broadcast_to(np.arange(12, dtype=np.uint8)[:, None, None, None], (12, 4, 4, 1))
    return People(images, labels, tuple("abcd"))


def rows_of(images):
    return images.numpy()[:, 0, 0, 0].astype(int)


def test_all_pairs_come_once(people):
    a, b, same = all_pairs(people.labels)
    assert len(a) == 12 * 11 / 2
    assert len(set(zip(a, b, strict=True))) == 66
    assert np.all(a < b)
    assert np.sum(same) == sum(n * (n - 1) // 2 for n in COUNTS)


def test_half_of_the_pairs_are_of_one_person(people, rng):
    a, b, same = sample_pairs(people.labels, 2000, rng)
    assert np.sum(same) == 1000
    np.testing.assert_array_equal(people.labels[a] == people.labels[b], same)
    assert np.all(a != b)
    # Each of the three with several images as often, however many those are.
    own = np.bincount(people.labels[a[same]], minlength=4)
    assert own[1] == 0
    np.testing.assert_allclose(own[[0, 2, 3]], 1000 / 3, rtol=0.2)
    others = np.bincount(people.labels[a[~same]], minlength=4)
    np.testing.assert_allclose(others, 250, rtol=0.2)


def test_stream_of_pairs(people):
    dataset = image_pairs(people, SHAPE, RANGE, batch_size=8, count=20)
    assert len(dataset) == 3
    epochs = []
    for _ in range(2):
        pairs, same = zip(*dataset, strict=True)
        assert [len(x) for x in same] == [8, 8, 4]
        a = np.concatenate([rows_of(x["image_a"]) for x in pairs])
        b = np.concatenate([rows_of(x["image_b"]) for x in pairs])
        np.testing.assert_array_equal(people.labels[a] == people.labels[b], np.concatenate(same))
        assert np.mean(np.concatenate(same)) == 0.5
        epochs.append((a.tolist(), b.tolist()))
    assert epochs[0] != epochs[1]
    again = image_pairs(people, SHAPE, RANGE, batch_size=8, count=20)
    assert np.concatenate([rows_of(x["image_a"]) for x, _ in again]).tolist() == epochs[0][0]
    other = image_pairs(people, SHAPE, RANGE, batch_size=8, count=20, seed=1)
    assert np.concatenate([rows_of(x["image_a"]) for x, _ in other]).tolist() != epochs[0][0]
    assert len(image_pairs(people, SHAPE, RANGE, batch_size=12)) == 1


def test_pair_model_trains_on_the_stream(people):
    pair = SiameseNetwork(SiameseEncoder(SHAPE, 4))
    pair.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    data = image_pairs(people, SHAPE, (0.0, 1.0), batch_size=8, count=16)
    history = pair.fit(data, validation_data=data, epochs=1, verbose=0, shuffle=False).history
    assert np.isfinite(history["val_loss"][0])


def test_stream_of_triplets(people):
    dataset = image_triplets(people, SHAPE, RANGE, batch_size=50, count=100)
    batches = list(dataset)
    rows = {k: np.concatenate([rows_of(x[k]) for x in batches]) for k in batches[0]}
    assert list(rows) == ["anchor", "positive", "negative"]
    who = {k: people.labels[r] for k, r in rows.items()}
    assert len(rows["anchor"]) == 100
    np.testing.assert_array_equal(who["anchor"], who["positive"])
    assert np.all(who["anchor"] != who["negative"])
    assert np.all(rows["anchor"] != rows["positive"])
    assert set(who["negative"]) == {0, 1, 2, 3}


def test_balanced_batches(people):
    dataset = balanced_batches(people, SHAPE, RANGE, people_per_batch=3, images_per_person=2)
    assert len(dataset) == 2
    seen = []
    for _ in range(10):
        for images, labels in dataset:
            rows = rows_of(images)
            np.testing.assert_array_equal(people.labels[rows], labels)
            numbers, counts = np.unique(labels, return_counts=True)
            assert len(numbers) == 3
            assert set(counts) == {2}
            for number in numbers:
                own = rows[labels.numpy() == number]
                assert len(set(own)) == min(2, COUNTS[number])
            seen.extend(rows)
    assert set(seen) == set(range(12))
    assert len(balanced_batches(people, SHAPE, RANGE, 2, 2, batches=7)) == 7


def test_balanced_epochs_are_functions_of_their_number(people):
    def labels(first, epochs=1, seed=0):
        data = balanced_epochs(people, SHAPE, RANGE, 2, 2, seed=seed)
        batches = data.since(first).take(epochs * data.batches)
        return [rows_of(images).tolist() for images, _ in batches]

    both = labels(0, epochs=2)
    assert len(both) == 6
    assert labels(1) == both[3:] != both[:3]
    assert labels(1, seed=1) != both[3:]


def test_trains_a_classifier_of_people(people):
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    data = balanced_batches(people, SHAPE, (0.0, 1.0), 4, 2)
    assert np.isfinite(model.fit(data, epochs=1, verbose=0, shuffle=False).history["loss"][0])


def test_arguments(people):
    alone = people.select(["b", "d"]).select(["b"])
    with pytest.raises(ValueError, match=r"images of at least two people. Received: of 1"):
        image_triplets(alone, SHAPE, RANGE)
    single = People(people.images[:2], np.arange(2), ("a", "b"))
    with pytest.raises(ValueError, match=r"two images of at least one person"):
        image_triplets(single, SHAPE, RANGE)
    with pytest.raises(ValueError, match=r"two images of at least one person"):
        sample_pairs(single.labels, 4, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"`people_per_batch` must be from 2 to .* 4. Received: 5"):
        balanced_batches(people, SHAPE, RANGE, 5)
    with pytest.raises(ValueError, match=r"`images_per_person` must be a whole number above 0"):
        balanced_batches(people, SHAPE, RANGE, 2, 0)
    with pytest.raises(ValueError, match=r"`batch_size` must be a whole number above 0"):
        image_pairs(people, SHAPE, RANGE, batch_size=0)
    with pytest.raises(ValueError, match=r"`count` must be a whole number above 0"):
        image_pairs(people, SHAPE, RANGE, count=0)
