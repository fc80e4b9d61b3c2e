import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_cv_course.data import Epochs, as_epochs, augmented, digits


def batches_of(dataset, count):
    return [images for images, _ in dataset.take(count).as_numpy_iterator()]


def numbers(count=10, batch_size=4):
    """Images of one pixel, which holds the image's number."""
    pixels = np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1)
    pairs = tf.data.Dataset.from_tensor_slices((pixels, np.arange(count)))
    return as_epochs(pairs.batch(batch_size))


def test_an_epoch_is_the_same_whatever_was_read_before():
    data = augmented(digits((8, 8, 1), batch_size=256).epochs, seed=3)
    assert data.batches == 5
    whole = batches_of(data.since(0), 15)
    later = batches_of(data.since(2), 5)
    for ours, theirs in zip(later, whole[10:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    sizes = [len(batch) for batch in whole]
    assert sizes == [256, 256, 256, 256, 233] * 3  # No batch reaches into the next epoch.
    first, second = np.concatenate(whole[:5]), np.concatenate(whole[5:10])
    assert np.abs(first.mean((1, 2, 3)) - second.mean((1, 2, 3))).max() > 0.1


def test_passes_end_and_differ():
    data = digits((8, 8, 1), batch_size=400)
    assert int(data.train.cardinality()) == 4
    assert data.train is data.train
    first, second = batches_of(data.train, -1), batches_of(data.train, -1)
    assert [len(batch) for batch in first] == [400, 400, 400, 57]
    assert any((a != b).any() for a, b in zip(first, second, strict=True))
    again = batches_of(digits((8, 8, 1), batch_size=400).train, -1)
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))


def test_layers_draw_by_seed_epoch_and_batch_and_do_not_count():
    noise = layers.GaussianNoise(1.0)
    before = noise.seed_generator.state.numpy()

    def drawn(seed):
        made = numbers(8).map_random(lambda x, y: (noise(x, training=True), y), [noise], seed)
        return np.concatenate(batches_of(made.since(0), 4))[:, 0, 0, 0] - np.tile(np.arange(8), 2)

    first, again, other = drawn(5), drawn(5), drawn(6)
    np.testing.assert_array_equal(first, again)
    assert len(set(np.round(first, 6))) == 16  # Two batches of two epochs: none repeats another.
    assert np.abs(first - other).min() > 1e-6
    np.testing.assert_array_equal(noise.seed_generator.state.numpy(), before)


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_layers_that_mix_labels_repeat_too(name):
    mix = getattr(layers, name)()

    def function(images, labels):
        mixed = mix({"images": images, "labels": tf.one_hot(labels, 10)}, training=True)
        return mixed["images"], mixed["labels"]

    data = numbers(8, 8).map_random(function, [mix])
    whole, later = batches_of(data.since(0), 3), batches_of(data.since(1), 2)
    np.testing.assert_array_equal(whole[1:], later)


def test_keys_differ_by_seed_epoch_and_batch():
    def keys(seed, first, count):
        keyed = numbers(8).map_with_key(lambda key, images, labels: (key, labels), seed)
        return [tuple(key) for key in batches_of(keyed.since(first), count)]

    whole = keys(1, 0, 6)
    assert keys(1, 1, 4) == whole[2:]
    assert len({*whole, *keys(2, 0, 6)}) == 12


def test_map_keeps_the_order():
    data = numbers().map(lambda x, y: (x * 2, y))
    assert data.batches == 3
    values = np.concatenate(batches_of(data.since(0), 3)).ravel()
    np.testing.assert_array_equal(values, 2 * np.arange(10))


def test_what_cannot_be_an_epoch_is_refused(monkeypatch):
    endless = tf.data.Dataset.range(3).repeat()
    with pytest.raises(ValueError, match="known number of batches"):
        as_epochs(endless)
    epochs = Epochs(lambda epoch: tf.data.Dataset.range(3), 3)
    assert as_epochs(epochs) is epochs
    with pytest.raises(ValueError, match=r"SeedGenerator. 'plain' has none"):
        epochs.map_random(lambda x: x, [layers.Dense(1, name="plain")])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=r"Received: Keras on jax\. Put them at the beginning"):
        epochs.map_random(lambda x: x, [layers.Dropout(0.5)])
