import keras
import numpy as np
import pytest

from keras_cv_course.faces import SiameseEncoder, SiameseNetwork
from keras_cv_course.losses.contrastive import ContrastiveLoss

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def encoder():
    return SiameseEncoder(SHAPE, embedding_dim=6)


@pytest.fixture
def images(rng):
    return [rng.uniform(0, 1, (4, *SHAPE)).astype("float32") for _ in "ab"]


def test_has_one_encoder_and_the_parameters_of_the_course():
    pair = SiameseNetwork(SiameseEncoder())
    assert pair.count_params() == 19_890
    assert [x.name for x in pair.inputs] == ["image_a", "image_b"]
    assert pair.output_names == ["same"]
    assert pair.output_shape == (None, 1)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_without_head_it_gives_the_distance(distance, encoder, images):
    a, b = (np.asarray(encoder(x)) for x in images)
    expected = {
        "euclidean": np.linalg.norm(a - b, axis=1),
        "cosine": (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1),
    }
    pair = SiameseNetwork(encoder, distance, head=None)
    assert pair.count_params() == encoder.count_params()
    np.testing.assert_allclose(pair(images)[:, 0], expected[distance], rtol=1e-3)
    np.testing.assert_allclose(pair(images), pair(images[::-1]), rtol=1e-5)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "absolute"])
def test_head_weighs_the_distance(distance, encoder, images):
    pair = SiameseNetwork(encoder, distance)
    kernel, bias = pair.get_layer("same_logit").get_weights()
    name = {"euclidean": "distance", "cosine": "similarity", "absolute": "difference"}[distance]
    inner = keras.Model(pair.inputs, pair.get_layer(name).output)
    expected = 1 / (1 + np.exp(-(np.asarray(inner(images)) @ kernel + bias)))
    np.testing.assert_allclose(pair(images), expected, rtol=1e-4)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "absolute"])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_further_apart_is_less_likely_the_same_from_the_start(
    distance, seed, encoder, images
):
    keras.utils.set_random_seed(seed)
    pair = SiameseNetwork(encoder, distance)
    equal, other = pair([images[0], images[0]]), pair([images[0], images[1]])
    assert (np.asarray(equal) > np.asarray(other)).all()


def test_training_the_pair_trains_the_encoder(images):
    encoder = SiameseEncoder(SHAPE)
    before = np.asarray(encoder(images[0]))
    pair = SiameseNetwork(encoder, head=None)
    pair.compile(keras.optimizers.Adam(0.01), ContrastiveLoss())
    same = np.array([1, 0, 1, 0])
    losses = pair.fit(images, same, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.abs(np.asarray(encoder(images[0])) - before).max() > 1e-3


def test_saved_and_loaded_equally(encoder, images, tmp_path):
    pair = SiameseNetwork(encoder, "cosine")
    pair.save(tmp_path / "pair.keras")
    loaded = keras.saving.load_model(tmp_path / "pair.keras")
    np.testing.assert_array_equal(loaded(images), pair(images))


def test_arguments(encoder):
    with pytest.raises(ValueError, match=r"`distance` must be one of .* Did you mean 'euclidean'"):
        SiameseNetwork(encoder, "euclid")
    with pytest.raises(ValueError, match=r"`head` must be one of 'sigmoid', None"):
        SiameseNetwork(encoder, head="softmax")
    with pytest.raises(ValueError, match=r'`head` must be "sigmoid" with distance="absolute"'):
        SiameseNetwork(encoder, "absolute", head=None)
    with pytest.raises(TypeError, match=r"`encoder` must be a keras.Model. Received: str"):
        SiameseNetwork("encoder")
    maps = keras.Model(encoder.input, encoder.get_layer("block2_pool").output)
    with pytest.raises(ValueError, match=r"`encoder` must give a vector .*\(None, 2, 2, 64\)"):
        SiameseNetwork(maps)
