import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny_network import SHAPE, tiny_network

from keras_cv_course.training.feature_depths import depth_features
from keras_cv_course.training.linear_probe import fit_head, fit_linear_probe

STAGES = 2


@pytest.fixture(scope="module")
def network():
    return tiny_network(classes=5)


@pytest.fixture
def samples(rng):
    """Images of three classes that differ in colour."""
    labels = np.arange(48) % 3
    images = rng.normal(0, 0.3, (48, *SHAPE)) + 0.5 * np.eye(3)[labels][:, None, None]
    return images.astype(np.float32), labels


def dataset(images, labels):
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(20)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probe_is_scikit_learn_s_classifier_as_one_model(network, samples, classes):
    images, labels = samples
    labels = labels % classes
    probe = fit_linear_probe(network, dataset(images, labels), classes, STAGES, strength=0.1)
    assert isinstance(probe.layers[-2], keras.layers.Dense)
    features = np.asarray(depth_features(network, STAGES)(images))
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    expected = reference.fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(probe.predict(images, verbose=0), expected, atol=2e-3)
    if classes == 3:
        assert np.mean(expected.argmax(-1) == labels) > 0.6


def test_mirrored_images_are_learned_from_as_well(network, samples):
    images, labels = samples
    both = np.concatenate([images, images[:, :, ::-1]]), np.concatenate([labels, labels])
    flipped = fit_linear_probe(network, dataset(images, labels), 3, STAGES, flip=True)
    whole = fit_linear_probe(network, dataset(*both), 3, STAGES)
    np.testing.assert_allclose(flipped(images), whole(images), atol=2e-3)


def test_a_class_without_a_image_is_refused(network, samples):
    images, labels = samples
    with pytest.raises(ValueError, match=r"of each of the 4 classes.*Missing: \[3\]"):
        fit_linear_probe(network, dataset(images, labels), 4, STAGES)
    with pytest.raises(ValueError, match=r"Missing: \[\]. Largest class number: 2"):
        fit_linear_probe(network, dataset(images, labels), 2, STAGES)
    with pytest.raises(ValueError, match=r"`strength` must be a number above 0"):
        fit_linear_probe(network, dataset(images, labels), 3, STAGES, strength=0)


def test_the_classifier_is_fitted_as_a_probe_of_its_features(samples):
    images, labels = samples
    model = tiny_network(classes=3)
    body = [weight.numpy() for weight in model.weights[:-2]]
    probe = fit_linear_probe(model, dataset(images, labels), 3, stages=0)
    assert fit_head(model, dataset(images, labels)) is model
    np.testing.assert_allclose(model(images), probe(images), atol=1e-5)
    for weight, expected in zip(model.weights[:-2], body, strict=True):
        np.testing.assert_array_equal(weight, expected)
