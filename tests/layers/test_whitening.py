import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course import load_model
from keras_cv_course.layers.whitening import Whitening

EPSILON = 1e-7


@pytest.fixture
def samples(rng):
    """Correlated features with other means and variances, as neighbouring pixels are."""
    mixing = rng.normal(size=(4, 4)) * np.array([1, 2, 3, 0.5])
    return (rng.normal(size=(500, 4)) @ mixing + np.array([5, -3, 100, 0])).astype(np.float32)


def adapted(kind, data, **options):
    layer = Whitening(kind, epsilon=EPSILON, **options)
    layer.adapt(data)
    return layer


def covariance(values):
    return np.cov(values, rowvar=False, ddof=0)


def test_the_mean_is_subtracted(samples):
    centred = np.asarray(adapted("mean", samples)(samples))
    np.testing.assert_allclose(centred.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(covariance(centred), covariance(samples), rtol=1e-3)


def test_normalized_features_have_variance_1_and_stay_correlated(samples):
    normal = np.asarray(adapted("normalize", samples)(samples))
    np.testing.assert_allclose(normal.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(
        covariance(normal), np.corrcoef(samples, rowvar=False), rtol=1e-3, atol=1e-3
    )
    reference = keras.layers.Normalization()
    reference.adapt(samples)
    np.testing.assert_allclose(normal, reference(samples), atol=1e-3)


def test_decorrelated_features_have_a_diagonal_covariance(samples):
    covariances = covariance(np.asarray(adapted("decorrelate", samples)(samples)))
    variances = np.linalg.eigvalsh(covariance(samples))[::-1]
    np.testing.assert_allclose(covariances, np.diag(variances), atol=1e-3 * variances[0])


@pytest.mark.parametrize("kind", ["pca", "zca"])
def test_whitened_features_have_the_identity_as_covariance(kind, samples):
    white = np.asarray(adapted(kind, samples)(samples))
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(covariance(white), np.eye(4), atol=1e-3)


def test_zca_stays_closest_to_its_inputs(samples):
    layer = adapted("zca", samples)
    np.testing.assert_allclose(layer.matrix, np.transpose(layer.matrix), atol=1e-6)
    # Two features of variance 9 and 1 are scaled, and not turned.
    plain = np.array([[3, 1], [3, -1], [-3, 1], [-3, -1]], np.float32)
    np.testing.assert_allclose(adapted("zca", plain).matrix, [[1 / 3, 0], [0, 1]], atol=1e-6)


def test_channels_of_images_of_any_size_are_whitened(rng):
    images = rng.uniform(0, 255, (10, 6, 5, 1)) * np.ones(3) + rng.normal(size=(10, 6, 5, 3))
    layer = adapted("pca", images)
    white = np.asarray(layer(images))
    assert white.shape == images.shape
    np.testing.assert_allclose(covariance(white.reshape(-1, 3)), np.eye(3), atol=1e-2)
    assert layer(rng.uniform(0, 255, (2, 9, 9, 3))).shape == (2, 9, 9, 3)


def test_all_values_of_a_image_are_whitened(rng):
    images = rng.normal(size=(400, 4, 3, 2)).cumsum(axis=1)
    white = np.asarray(adapted("zca", images, features="all")(images))
    assert white.shape == images.shape
    np.testing.assert_allclose(covariance(white.reshape(400, -1)), np.eye(24), atol=1e-3)


def test_batches_give_the_statistics_of_the_whole(samples):
    whole, parts = adapted("zca", samples), Whitening("zca", epsilon=EPSILON)
    parts.adapt(tf.data.Dataset.from_tensor_slices(samples).batch(33))
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(parts.matrix, whole.matrix, rtol=1e-4, atol=1e-6)


def test_features_that_never_change_stay_finite():
    white = np.asarray(adapted("zca", np.ones((5, 3), np.float32))(np.ones((2, 3))))
    np.testing.assert_allclose(white, 0, atol=1e-6)


def test_a_layer_that_was_not_adapted_changes_nothing(samples):
    np.testing.assert_array_equal(Whitening()(samples), samples)


def test_a_saved_layer_has_its_statistics(samples, tmp_path):
    layer = adapted("pca", samples, name="whiten")
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(samples), model(samples))
    own = ("kind", "features", "epsilon")
    assert [again.layers[0].get_config()[name] for name in own] == ["pca", "channels", EPSILON]
    assert not again.trainable_variables


def test_bad_arguments_are_refused(samples):
    with pytest.raises(ValueError, match=r"`kind` must be one of .*Did you mean 'zca'"):
        Whitening("zcaa")
    with pytest.raises(ValueError, match=r"`features` must be one of 'channels', 'all'"):
        Whitening(features="some")
    with pytest.raises(ValueError, match=r"`epsilon` must be a number above 0"):
        Whitening(epsilon=0)
    with pytest.raises(ValueError, match=r"at most 8192 features.*Use smaller images"):
        Whitening(features="all")(np.zeros((1, 64, 64, 3), np.float32))
    with pytest.raises(ValueError, match=r"`data` must hold at least two samples. Received: 1"):
        Whitening().adapt(samples[:1])
