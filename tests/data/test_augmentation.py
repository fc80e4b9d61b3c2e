import numpy as np
import tensorflow as tf

from keras_cv_course.data import as_epochs, augmented


def batches(side=20, count=64):
    images = np.zeros((count, side, side, 1), np.float32)
    images[:, side // 2, side // 2] = 1.0
    return as_epochs(tf.data.Dataset.from_tensor_slices((images, np.arange(count))).batch(16))


def epoch(dataset):
    pairs = list(dataset.as_numpy_iterator())
    return np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])


def test_images_move_by_a_tenth_and_keep_their_labels():
    dataset = augmented(batches()).passes()
    assert int(dataset.cardinality()) == 4
    images, labels = epoch(dataset)
    assert labels.tolist() == list(range(64))
    weights = images[..., 0] / images.sum((1, 2, 3))[:, None, None]
    rows = (weights.sum(2) * np.arange(20)).sum(1) - 10
    columns = (weights.sum(1) * np.arange(20)).sum(1) - 10
    # A tenth of 20 pixels, and half a pixel for the turn around the middle between two of them.
    assert np.abs([rows, columns]).max() < 2.5
    assert rows.std() > 0.5
    assert columns.std() > 0.5


def test_epochs_differ_and_the_seed_repeats_them():
    dataset = augmented(batches(), seed=4).passes()
    first, second = epoch(dataset)[0], epoch(dataset)[0]
    again = epoch(augmented(batches(), seed=4).passes())[0]
    other = epoch(augmented(batches(), seed=5).passes())[0]
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
