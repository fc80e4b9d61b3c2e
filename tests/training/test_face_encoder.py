import keras
import numpy as np
import pytest

from keras_cv_course.data import People
from keras_cv_course.faces import FaceEncoder
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.quantization.fake_quantization import FakeQuantize
from keras_cv_course.training import (
    FaceOptions,
    Recipe,
    distorted_copies,
    fit_face_encoder,
    train_only,
)
from keras_cv_course.training.face_encoder import GENTLE, face_training, recipe_distortion

SHAPE = (8, 8, 1)
RANGE = (0.0, 1.0)
PLAIN = Recipe(epochs=15, learning_rate=0.03, warmup_epochs=0)


@pytest.fixture
def people(rng):
    """Five people, each with eight images of a pattern of his own, in noise."""
    labels = np.repeat(np.arange(5, dtype=np.int32), 8)
    patterns = rng.uniform(0, 200, (5, *SHAPE))
    images = patterns[labels] + rng.uniform(0, 50, (40, *SHAPE))
    return People(images.astype(np.uint8), labels, tuple("abcde"))


def new_encoder(normalized=False):
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu", name="conv")(image)
    if normalized:
        x = keras.layers.BatchNormalization(name="bn")(x)
    return FaceEncoder(keras.Model(image, x), 4, grid=3)


def test_training_separates_people_in_float_and_in_int8(people):
    encoder = new_encoder()
    history = fit_face_encoder(encoder, people, PLAIN, input_range=RANGE)
    assert len(history["loss"]) == 15
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history["accuracy"][-1] > 0.8
    aware = quantize_aware(encoder, people.load(SHAPE, (0.0, 1.0)))
    recipe = Recipe(epochs=2, learning_rate=1e-3, warmup_epochs=0)
    history = fit_face_encoder(aware, people, recipe, input_range=RANGE)
    # It begins where the other has ended: the people's vectors are the means of the embeddings.
    assert history["accuracy"][0] > 0.8
    ranges = [layer for layer in aware.layers if isinstance(layer, FakeQuantize)]
    assert all(layer.frozen for layer in ranges)


def test_only_named_layers_are_trained(people):
    encoder = new_encoder(normalized=True)
    train_only(encoder, ["projection"])
    before = [w.numpy().copy() for w in encoder.weights]
    fit_face_encoder(encoder, people, Recipe(epochs=1), input_range=RANGE)
    moved = [np.any(old != new.numpy()) for old, new in zip(before, encoder.weights, strict=True)]
    assert [w.path.split("/")[0] for w, m in zip(encoder.weights, moved, strict=True) if m] == [
        "projection",
        "projection",
    ]
    train_only(encoder, ["conv", "bn"])
    assert [w.path for w in encoder.trainable_weights] == ["conv/kernel", "conv/bias"]
    with pytest.raises(ValueError, match=r"`prefixes` must be beginnings of names.*'stage9'"):
        train_only(encoder, ["stage9"])


def test_copies_are_of_the_same_people(people):
    images, labels = distorted_copies(people, SHAPE, (0.0, 1.0), copies=2)
    assert images.shape == (120, *SHAPE)
    np.testing.assert_array_equal(images[:40], people.load(SHAPE, (0.0, 1.0)))
    np.testing.assert_array_equal(labels, np.tile(people.labels, 3))
    assert np.abs(images[40:80] - images[80:]).max() > 0.05
    assert (images.min() >= 0, images.max() <= 1) == (True, True)


def test_what_a_recipe_distorts(people):
    still = recipe_distortion(Recipe(), GENTLE)
    assert still is None
    moved = recipe_distortion(Recipe(shift=0.1, turn=0.05, zoom=0.2), GENTLE)
    assert (moved.shift, moved.turn_degrees, moved.zoom) == (0.1, pytest.approx(18), 0.2)
    assert (moved.mirror, moved.contrast) == (None, 0)
    assert recipe_distortion(Recipe(flip=True, colour=True), GENTLE).contrast == GENTLE.contrast
    batches = [
        next(iter(face_training(new_encoder(), people, recipe, FaceOptions(), RANGE)[1].since(0)))
        for recipe in (Recipe(), Recipe(shift=0.1))
    ]
    np.testing.assert_array_equal(batches[0][1], batches[1][1])
    assert np.abs(batches[0][0] - batches[1][0]).max() > 0.1


def test_arguments(people):
    with pytest.raises(ValueError, match=r"`images_per_person` must be a whole number above 0"):
        FaceOptions(images_per_person=0)
    with pytest.raises(ValueError, match=r"`recipe.mixup` has no meaning for an encoder of faces"):
        fit_face_encoder(new_encoder(), people, Recipe(mixup=0.2), input_range=RANGE)
    with pytest.raises(ValueError, match=r"`input_range` must be given"):
        fit_face_encoder(new_encoder(), people, Recipe())
