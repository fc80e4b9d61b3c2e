import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.data.epochs import Epochs
from keras_cv_course.training.preparation import as_shares, distortions, prepared
from keras_cv_course.training.recipe import Recipe

SHAPE = (16, 16, 3)


@pytest.fixture
def data(rng):
    images = rng.uniform(-1, 1, (8, *SHAPE)).astype(np.float32)
    labels = np.arange(8, dtype=np.int32) % 4
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)


def arrays(epochs, epoch=0):
    dataset = epochs.at(tf.constant(epoch, tf.int64)) if isinstance(epochs, Epochs) else epochs
    batches = list(dataset.as_numpy_iterator())
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


def test_a_plain_recipe_changes_nothing(data):
    for ours, theirs in zip(arrays(prepared(data, Recipe(), 4)), arrays(data), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_mixup_reproduces_the_worked_example_of_the_course():
    """0.9 of an analog clock and 0.1 of a bittern: images and labels alike."""
    clock, bittern = np.full(SHAPE, 1.0, np.float32), np.full(SHAPE, -1.0, np.float32)
    layer = keras.layers.MixUp(0.2)
    drawn = {"mix_weight": np.float32([0.9, 0.9]), "permutation_order": np.array([1, 0])}
    images = layer.transform_images(np.stack([clock, bittern]), drawn)
    labels = layer.transform_labels(np.eye(2, dtype=np.float32), drawn)
    np.testing.assert_allclose(images[0], 0.9 * clock + 0.1 * bittern, rtol=1e-6)
    np.testing.assert_allclose(labels, [[0.9, 0.1], [0.1, 0.9]], rtol=1e-6)


@pytest.mark.parametrize("recipe", [Recipe(mixup=1.0), Recipe(cutmix=1.0)])
def test_mixed_images_have_mixed_labels(recipe):
    # Each image is as bright as its class's number, so that its label can be read off it.
    labels = np.arange(4).repeat(16)
    images = np.ones((64, 64, 64, 3), np.float32) * labels[:, None, None, None]
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(64)
    mixed, shares = arrays(prepared(data, recipe, 4))
    assert shares.shape == (64, 4)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-5)
    # What CutMix pastes is a row and a column of pixels smaller than the share that it tells.
    tolerance = 1e-5 if recipe.mixup else 3 * (1 - (63 / 64) ** 2)
    np.testing.assert_allclose(mixed.mean((1, 2, 3)), shares @ np.arange(4), atol=tolerance)
    assert np.mean(shares.max(-1) < 0.95) > 0.2


def test_mixup_of_1_is_uniform_and_of_less_is_mild():
    images = np.zeros((512, 2, 2, 3), np.float32)
    data = tf.data.Dataset.from_tensor_slices((images, np.arange(512))).batch(512)
    largest = {a: arrays(prepared(data, Recipe(mixup=a), 512))[1].max(-1) for a in (1.0, 0.1)}
    # The larger share of a uniform draw is 0.75 on the average; its deviation here is 0.007.
    assert largest[1.0].mean() == pytest.approx(0.75, abs=0.025)
    assert largest[0.1].mean() > 0.9


def test_smoothing_alone_makes_shares_and_leaves_them_to_the_loss(data):
    _, shares = arrays(prepared(data, Recipe(label_smoothing=0.1), 4))
    np.testing.assert_array_equal(shares, np.eye(4)[np.arange(8) % 4])
    np.testing.assert_array_equal(arrays(as_shares(data, 4))[1], shares)


def test_distorted_images_keep_their_shape_and_range(data):
    recipe = Recipe(flip=True, shift=0.1, turn=0.05, zoom=0.2, rand_augment=2, erase=1.0)
    for low, high in ((-1.0, 1.0), (0.0, 1.0)):
        scaled = data.map(lambda x, y, low=low, high=high: ((x + 1) / 2 * (high - low) + low, y))
        images, labels = arrays(prepared(scaled, recipe, 4, (low, high)))
        before, expected = arrays(scaled)
        assert (images.shape, images.dtype) == (before.shape, np.float32)
        assert np.abs(images - before).mean() > 0.05 * (high - low)
        # Sharpening and noise may leave the range a little, as Keras makes them.
        assert images.min() >= low - 0.1 * (high - low)
        assert images.max() <= high + 0.1 * (high - low)
        np.testing.assert_array_equal(labels, expected)


def test_the_seed_decides_and_epochs_differ(data):
    recipe = Recipe(flip=True, turn=0.1, mixup=0.5, seed=5)
    epochs = prepared(data, recipe, 4)
    first, second = arrays(epochs)[0], arrays(epochs, 1)[0]
    assert np.abs(first - second).mean() > 0.01
    np.testing.assert_array_equal(arrays(epochs, 1)[0], second)
    np.testing.assert_array_equal(arrays(prepared(data, recipe, 4))[0], first)
    assert np.abs(arrays(prepared(data, Recipe(flip=True, seed=6), 4))[0] - first).mean() > 0.01


def test_half_of_the_images_are_mirrored():
    images = np.tile(np.linspace(0, 255, 8, dtype=np.float32)[:, None], (400, 8, 1, 3))
    images = images.reshape(400, 8, 8, 3)
    (layer,) = distortions(Recipe(flip=True))
    flipped = np.asarray(layer(images, training=True))
    mirrored = np.abs(flipped - images[:, :, ::-1]).max((1, 2, 3)) < 1e-3
    same = np.abs(flipped - images).max((1, 2, 3)) < 1e-3
    assert (mirrored ^ same).all()
    assert 0.4 < mirrored.mean() < 0.6


def test_batches_are_resized_as_a_whole(data):
    recipe = Recipe(batch_sizes_px=(32, 64), mixup=0.2)
    batches = prepared(data, recipe, 4).since(0).take(40)
    shapes = {images.shape for images, _ in batches.as_numpy_iterator()}
    assert {shape[1:3] for shape in shapes} == {(32, 32), (32, 64), (64, 32), (64, 64)}
    assert {(shape[0], shape[3]) for shape in shapes} == {(4, 3)}
