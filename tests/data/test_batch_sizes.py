import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.data.batch_sizes import random_batch_sizes
from keras_cv_course.data.epochs import as_epochs


@pytest.fixture
def epochs():
    images = np.arange(6, dtype=np.float32)[:, None, None, None] * np.ones((6, 8, 8, 3), np.float32)
    return as_epochs(tf.data.Dataset.from_tensor_slices((images, np.arange(6))).batch(2))


def sizes(epochs, first=0, count=60):
    batches = epochs.since(first).take(count).as_numpy_iterator()
    return [images.shape[1:3] for images, _ in batches]


def test_images_keep_their_labels_and_the_epoch_its_length(epochs):
    resized = random_batch_sizes(epochs, (32, 64), seed=1)
    assert resized.batches == 3
    assert resized.since(0).element_spec[0].shape.as_list() == [None, None, None, 3]
    for images, labels in resized.at(tf.constant(0, tf.int64)).as_numpy_iterator():
        assert set(images.shape[1:3]) <= {32, 64}
        np.testing.assert_allclose(images[:, 0, 0, 0], labels)


def test_sizes_come_with_equal_chances_and_are_decided_by_the_seed(epochs):
    first = sizes(random_batch_sizes(epochs, (32, 64, 96), seed=1), count=300)
    assert first == sizes(random_batch_sizes(epochs, (32, 64, 96), seed=1), count=300)
    assert first != sizes(random_batch_sizes(epochs, (32, 64, 96), seed=2), count=300)
    for side in zip(*first, strict=True):
        shares = [side.count(size) / 300 for size in (32, 64, 96)]
        assert min(shares) > 0.24  # a third each, with a deviation of 0.027
    assert len(set(first)) == 9


def test_an_epoch_has_its_sizes_whatever_came_before(epochs):
    resized = random_batch_sizes(epochs, (32, 64, 96), seed=1)
    assert sizes(resized, first=5, count=3) == sizes(resized, count=18)[15:]
    assert sizes(resized, count=3) != sizes(resized, first=1, count=3)


def test_without_sizes_it_is_an_error(epochs):
    with pytest.raises(ValueError, match=r"`sizes_px` must name at least one size"):
        random_batch_sizes(epochs, ())
