import keras
import numpy as np
import pytest

from keras_cv_course.losses.margin_softmax import ArcFace, CosFace

COSINES = np.array([[0.8, 0.1, -0.3], [-0.95, 0.2, 0.9], [1.0, -1.0, 0.0]], "float32")
PEOPLE = np.array([0, 0, 1])


def cross_entropy(logits, people):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(people)), people]


def test_arc_face_adds_to_the_angle():
    margin, scale = 0.5, 16.0
    logits = scale * COSINES.astype("float64")
    logits[0, 0] = scale * np.cos(np.arccos(0.8) + margin)
    for row, person in ((1, 0), (2, 1)):  # beyond pi - 0.5, whose cosine is -0.88
        logits[row, person] = scale * (COSINES[row, person] - margin * np.sin(margin))
    losses = ArcFace(margin, scale, reduction="none")(PEOPLE, COSINES)
    np.testing.assert_allclose(losses, cross_entropy(logits, PEOPLE), rtol=1e-4)


def test_cos_face_takes_off_the_cosine():
    logits = 16.0 * (COSINES - 0.35 * np.eye(3)[PEOPLE])
    losses = CosFace(0.35, 16.0, reduction="none")(PEOPLE[:, None], COSINES)
    np.testing.assert_allclose(losses, cross_entropy(logits, PEOPLE), rtol=1e-4)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_without_margin_it_is_softmax(kind):
    losses = kind(0.0, 8.0)(PEOPLE, COSINES)
    expected = keras.ops.sparse_categorical_crossentropy(PEOPLE, 8.0 * COSINES, from_logits=True)
    np.testing.assert_allclose(losses, np.mean(expected), rtol=1e-5)


def test_arc_face_falls_with_the_cosine_and_has_gradients_at_its_ends():
    import tensorflow as tf

    cosines = tf.Variable(np.stack([np.linspace(-1, 1, 101), np.zeros(101)], 1).astype("float32"))
    with tf.GradientTape() as tape:
        losses = ArcFace(0.5, 4.0, reduction="none")(np.zeros(101), cosines)
    slopes = tape.gradient(losses, cosines)[:, 0].numpy()
    assert np.all(np.isfinite(slopes))
    assert np.all(slopes <= 0)
    # The continuation is lower by up to 0.02 where it begins, with the authors' constants.
    assert np.all(np.diff(losses.numpy()) < 0.1)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_made_again_from_its_configuration(kind):
    loss = keras.losses.deserialize(keras.losses.serialize(kind(0.1, 30.0)))
    assert (loss.margin, loss.scale) == (0.1, 30.0)


def test_arguments_out_of_range():
    with pytest.raises(ValueError, match=r"`margin` must be an angle from 0 to below pi / 2"):
        ArcFace(1.6)
    with pytest.raises(ValueError, match=r"`margin` must be from 0 to below 2. Received: -0.1"):
        CosFace(-0.1)
    with pytest.raises(ValueError, match=r"`scale` must be a number above 0. Received: 0"):
        CosFace(scale=0)
