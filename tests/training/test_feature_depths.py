import keras
import numpy as np
import pytest
from tiny_network import SHAPE, tiny_network

from keras_cv_course.registry import build_model
from keras_cv_course.training.feature_depths import depth_features, feature_extractor


@pytest.fixture(scope="module")
def network():
    return tiny_network(classes=5)


def test_features_are_means_of_the_maps_and_what_the_classifier_sees(network, rng):
    images = rng.uniform(-1, 1, (4, *SHAPE)).astype(np.float32)
    names = ("stage2_block1_project_activation", "stage3_block1_project_activation", "top_pool")
    outputs = [network.get_layer(name).output for name in names]
    *maps, top = keras.Model(network.input, outputs)(images)
    expected = np.concatenate([*(np.mean(m, axis=(1, 2)) for m in maps), top], axis=1)
    actual = depth_features(network, 2)(images)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(depth_features(network, 0)(images), top)
    np.testing.assert_array_equal(depth_features(network, 2, top=False)(images), actual[:, :-16])


def test_there_are_no_more_stages_than_the_network_has(network):
    with pytest.raises(ValueError, match=r"`stages` must be above 0 without"):
        depth_features(network, 0, top=False)
    with pytest.raises(ValueError, match=r"`stages` must be from 0 to 3 for 'tiny'. Received: 4"):
        depth_features(network, 4)
    plain = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"`model` must be a network of this package"):
        depth_features(plain, 1)


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(("name", "length"), [("mobilenet", 1024), ("vgg11", 4096)])
def test_features_are_what_the_classifier_gets(name, length):
    """Pooled in MobileNet, fc7 in VGG."""
    model = build_model(name)
    extractor = feature_extractor(model)
    assert extractor.output_shape == (None, length)
    assert set(extractor.layers[1:-1]) <= set(model.layers)
