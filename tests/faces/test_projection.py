import keras
import numpy as np
import pytest

from keras_cv_course.faces import FaceEncoder, SiameseEncoder, fit_projection


def encoder_of_pixels(size, dim, maps=1):
    """An encoder whose features are the pixels themselves, of one map or of two halves."""
    image = keras.Input((1, size, 1))
    if maps == 1:
        return FaceEncoder(keras.Model(image, keras.layers.Identity()(image)), dim, grid=1)
    halves = {
        "left": keras.layers.Cropping2D(((0, 0), (0, size // 2)))(image),
        "right": keras.layers.Cropping2D(((0, 0), (size // 2, 0)))(image),
    }
    halves = {k: keras.layers.Permute((1, 3, 2))(x) for k, x in halves.items()}
    return FaceEncoder(keras.Model(image, halves), dim, grid=1)


def people(rng, count, each, size, own=1.0, noise=None):
    """Vectors around one mean a person; `noise` is the deviation of each value within a person."""
    means = own * rng.normal(size=(count, size))
    labels = np.repeat(np.arange(count), each)
    spread = np.ones(size) if noise is None else np.asarray(noise)
    return means[labels] + spread * rng.normal(size=(len(labels), size)) + 5.0, labels


def as_images(x):
    return x.astype("float32")[:, None, :, None]


def encoder_of_vectors(size, dim):
    image = keras.Input((1, size, 1))
    vector = keras.layers.Flatten()(image)
    return FaceEncoder(keras.Model(image, vector), dim)


def separation(encoder, x, labels):
    vectors = np.asarray(encoder(as_images(x)))
    cosines = vectors @ vectors.T
    same = labels[:, None] == labels
    others = ~np.eye(len(labels), dtype=bool)
    return np.mean(cosines[same & others]) - np.mean(cosines[~same])


def raw(encoder, x):
    """What the projection gives before it is brought to length 1."""
    inner = keras.Model(encoder.input, encoder.layers[-1].input)
    return np.asarray(inner(as_images(x)))


def test_with_few_people_variance_within_is_alike_in_all_directions(rng):
    x, labels = people(rng, 4, 100, 6, noise=[0.1, 0.3, 1.0, 2.0, 3.0, 5.0])
    encoder = encoder_of_vectors(6, 6)
    fit_projection(encoder, as_images(x), labels, shrinkage=1e-6)
    y = raw(encoder, x)
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-3)
    within = y - np.stack([y[labels == k].mean(axis=0) for k in labels])
    np.testing.assert_allclose(within.T @ within / len(y), np.eye(6), atol=1e-3)


def test_with_many_people_directions_are_long_as_they_are_reliable(rng):
    # Fisher's discriminants of two values: the one varies as much between people as within, the
    # other three times as much; the variances between have that of the mean of 50 added.
    x, labels = people(rng, 400, 50, 2)
    x[:, 1] += 2 * (x[::50, 1][labels] - x[:, 1])  # noise that is mirrored, and means that differ
    encoder = encoder_of_vectors(2, 2)
    fit_projection(encoder, as_images(x), labels, shrinkage=1e-6)
    y = raw(encoder, x)
    means = np.stack([y[labels == k].mean(axis=0) for k in range(400)])
    rest = y - means[labels]
    between = np.mean(means**2, axis=0)
    inside = np.mean(rest**2, axis=0)
    ratio = between / inside
    assert ratio[0] > ratio[1]
    np.testing.assert_allclose(inside, ratio / (1 + ratio), rtol=1e-3)
    assert abs(np.mean(rest[:, 0] * rest[:, 1])) < 1e-3


@pytest.mark.parametrize("count", [5, 40])  # fewer and more people than the embedding has values
def test_distinguishes_unseen_people_better_than_features_alone(count, rng):
    noise = [3.0] * 15 + [0.2] * 5
    x, labels = people(rng, count, 20, 20, noise=noise)
    unseen, names = people(rng, 10, 20, 20, noise=noise)
    encoder = encoder_of_vectors(20, 8)
    kernel = encoder.get_layer("projection")
    kernel.set_weights([np.eye(20, 8), -x.mean(axis=0)[:8]])
    before = separation(encoder, unseen, names)
    fit_projection(encoder, as_images(x), labels)
    assert separation(encoder, unseen, names) > 2 * before > 0


def test_maps_are_reduced_and_joined(rng):
    x, labels = people(rng, 6, 20, 8)
    one, two = encoder_of_vectors(8, 4), encoder_of_pixels(8, 4, maps=2)
    for encoder in (one, two):
        fit_projection(encoder, as_images(x), labels)
    assert [w.shape for w in two.weights] == [(4, 4), (4,), (4, 4)]
    assert separation(two, x, labels) == pytest.approx(separation(one, x, labels), abs=0.05)


def test_components_are_those_of_the_basis(rng):
    # Of the people only the first half varies, of the others the second: it is what is looked at.
    x, labels = people(rng, 6, 20, 8)
    others, _ = people(rng, 6, 20, 8)
    others[:, :4] = 0.0
    encoder = encoder_of_vectors(8, 4)
    fit_projection(encoder, as_images(x), labels, basis=as_images(others), components=4)
    kernel = encoder.get_layer("projection").get_weights()[0]
    np.testing.assert_allclose(kernel[:4], 0.0, atol=1e-6)
    assert np.all(np.abs(kernel[4:]).max(axis=1) > 0.05)
    np.testing.assert_allclose(raw(encoder, x).mean(axis=0), 0.0, atol=1e-4)


def test_missing_directions_are_zero(rng):
    x, labels = people(rng, 3, 4, 5)
    encoder = encoder_of_vectors(5, 8)
    fit_projection(encoder, as_images(x), labels, components=2)
    assert np.all(raw(encoder, x)[:, 2:] == 0.0)
    assert np.all(np.std(raw(encoder, x)[:, :2], axis=0) > 0.1)


def test_arguments(rng):
    x, labels = people(rng, 3, 4, 5)
    encoder, images = encoder_of_vectors(5, 4), as_images(x)
    with pytest.raises(ValueError, match=r"`encoder` must be what FaceEncoder returns"):
        fit_projection(SiameseEncoder((8, 8, 1)), images, labels)
    with pytest.raises(ValueError, match=r"`shrinkage` must be above 0 and at most 1"):
        fit_projection(encoder, images, labels, shrinkage=0)
    with pytest.raises(ValueError, match=r"`components` must be a whole number above 0"):
        fit_projection(encoder, images, labels, components=0)
    for wrong in (labels[:-1], np.zeros(12), np.arange(12)):
        with pytest.raises(ValueError, match=r"`labels` must be the person on each image"):
            fit_projection(encoder, images, wrong)
