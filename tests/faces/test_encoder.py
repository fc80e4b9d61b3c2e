import keras
import numpy as np
import pytest

from keras_cv_course import MobileNet, MobileNetV2, feature_maps
from keras_cv_course.faces import FaceEncoder, SiameseEncoder, face_maps

SIZE = (32, 32, 3)


@pytest.fixture(scope="module")
def backbone():
    return MobileNetV2(SIZE, alpha=0.35, include_top=False)


@pytest.fixture(autouse=True)
def _settled(backbone, unsettle):
    unsettle(backbone)  # with the first statistics, values of deep layers all but vanish


def test_siamese_encoder_has_the_parameters_of_the_course():
    encoder = SiameseEncoder()
    assert encoder.count_params() == 19_888
    assert encoder.output_shape == (None, 48)
    assert SiameseEncoder((28, 28, 3)).count_params() == 20_400
    assert SiameseEncoder((8, 9, 1), embedding_dim=5).output_shape == (None, 5)


def test_siamese_encoder_refuses_what_it_cannot_halve_twice():
    with pytest.raises(ValueError, match=r"height and width at least 4.* Received: \(3, 8, 1\)"):
        SiameseEncoder((3, 8, 1))
    with pytest.raises(ValueError, match=r"`embedding_dim` must be a whole number above 0"):
        SiameseEncoder(embedding_dim=0)


def test_vectors_have_length_1(backbone, rng):
    encoder = FaceEncoder(backbone, 16, dropout_rate=0.5)
    assert encoder.output_shape == (None, 16)
    vectors = encoder(rng.uniform(-1, 1, (3, *SIZE)).astype("float32"))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_projections_of_feature_maps_are_added(backbone, rng):
    maps = feature_maps(backbone, ("P4", "P5"))
    encoder = FaceEncoder(maps, 8)
    images = rng.uniform(-1, 1, (2, *SIZE)).astype("float32")
    pooled = {level: np.mean(x, axis=(1, 2)) for level, x in maps(images).items()}
    kernels = {p: encoder.get_layer(f"{p.lower()}_projection").get_weights()[0] for p in pooled}
    expected = sum(pooled[p] @ kernels[p] for p in pooled)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder(images), expected, atol=1e-5)


def test_grid_keeps_places():
    # On a map of 4 x 4 that is the image itself, a grid of 2 is the means of its quarters.
    inputs = keras.Input((4, 4, 1))
    encoder = FaceEncoder(keras.Model(inputs, keras.layers.Identity()(inputs)), 4, grid=2)
    encoder.get_layer("projection").set_weights([np.eye(4), np.zeros(4)])
    image = np.zeros((1, 4, 4, 1), "float32")
    image[0, :2, :2], image[0, 2:, 2:] = 3.0, 4.0
    np.testing.assert_allclose(encoder(image), [[0.6, 0.0, 0.0, 0.8]], atol=1e-6)


def test_pooled_vector_is_taken_as_it_is(rng):
    pooled = MobileNetV2(SIZE, alpha=0.35, include_top=False, pooling="avg")
    assert FaceEncoder(pooled, 8).count_params() == pooled.count_params() + 1281 * 8
    with pytest.raises(ValueError, match=r"`backbone` must give feature maps.*\(None, 1280\)"):
        FaceEncoder(pooled, 8, grid=2)


@pytest.mark.parametrize("grid", [0, 3, True, -1])
def test_grid_divides_the_map(grid):
    image = keras.Input((4, 4, 1))
    network = keras.Model(image, keras.layers.Identity()(image))
    with pytest.raises(ValueError, match=r"`grid` must divide height and width of each feature"):
        FaceEncoder(network, 4, grid=grid)


def test_other_arguments(backbone):
    with pytest.raises(TypeError, match=r"`backbone` must be a keras.Model. Received: str"):
        FaceEncoder("mobilenet")
    with pytest.raises(ValueError, match=r"`dropout_rate` must be at least 0 and below 1"):
        FaceEncoder(backbone, dropout_rate=1.0)
    with pytest.raises(ValueError, match=r"`embedding_dim` must be a whole number above 0"):
        FaceEncoder(backbone, 0)


def test_face_maps_are_those_before_the_last_stages(backbone):
    maps = face_maps(backbone)
    shapes = {name: tuple(x.shape[1:]) for name, x in maps.output.items()}
    # At alpha 0.35: 16 and 32 filters, and six times 32.
    assert shapes == {"P3": (4, 4, 16), "P4": (2, 2, 32), "expanded": (2, 2, 192)}
    assert maps.output["expanded"] is backbone.get_layer("stage6_block1_expand_activation").output
    encoder = FaceEncoder(maps, 8, grid=2)
    assert [w.shape[0] for w in encoder.weights[-4:] if len(w.shape) == 2] == [64, 128, 768]
    # What none of the maps needs is left out.
    assert not [layer.name for layer in encoder.layers if layer.name.startswith("stage7")]


def test_face_maps_need_inverted_residuals():
    with pytest.raises(ValueError, match=r"must be a network of inverted residuals.*'mobilenet'"):
        face_maps(MobileNet(SIZE, alpha=0.25, include_top=False))
