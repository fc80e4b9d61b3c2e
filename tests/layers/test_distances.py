import keras
import numpy as np
import pytest

from keras_cv_course.layers.distances import (
    AbsoluteDifference,
    CosineDistance,
    CosineSimilarity,
    EuclideanDistance,
)

LAYERS = (AbsoluteDifference, CosineDistance, CosineSimilarity, EuclideanDistance)
A = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]], "float32")
B = np.array([[0.0, 0.0], [0.0, -2.0], [0.0, 0.0]], "float32")


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (EuclideanDistance(), [[5.0], [5**0.5], [1e-7**0.5]]),
        (CosineSimilarity(), [[0.0], [0.0], [0.0]]),
        (CosineDistance(), [[1.0], [1.0], [1.0]]),
        (AbsoluteDifference(), [[3.0, 4.0], [1.0, 2.0], [0.0, 0.0]]),
    ],
)
def test_by_hand(layer, expected):
    np.testing.assert_allclose(layer([A, B]), expected, atol=1e-6)
    np.testing.assert_allclose(layer([B, A]), expected, atol=1e-6)


def test_cosine_does_not_depend_on_length(rng):
    a, b = rng.normal(size=(2, 5, 7)).astype("float32")
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    expected = (a * b).sum(axis=1) / lengths
    np.testing.assert_allclose(CosineSimilarity()([a, 9 * b])[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(CosineDistance()([9 * a, b])[:, 0], 1 - expected, atol=1e-6)
    np.testing.assert_allclose(CosineSimilarity()([a, a])[:, 0], 1.0, atol=1e-6)


def test_gradient_at_equal_vectors_is_finite():
    import tensorflow as tf

    a = tf.Variable(A)
    with tf.GradientTape() as tape:
        distance = EuclideanDistance()([a, A])
    np.testing.assert_array_equal(tape.gradient(distance, a), np.zeros_like(A))


@pytest.mark.parametrize("layer", LAYERS)
def test_shape_of_symbols_is_that_of_numbers(layer):
    symbols = layer()([keras.Input((2,)), keras.Input((2,))])
    assert symbols.shape == (None, *layer()([A, B]).shape[1:])


def test_saved_and_loaded_equally(tmp_path):
    a, b = keras.Input((2,)), keras.Input((2,))
    outputs = [EuclideanDistance(0.25)([a, b]), *(layer()([a, b]) for layer in LAYERS[:3])]
    model = keras.Model([a, b], outputs)
    model.save(tmp_path / "pair.keras")
    loaded = keras.saving.load_model(tmp_path / "pair.keras")
    for before, after in zip(model([A, B]), loaded([A, B]), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(loaded([A, A])[0], 0.5)


@pytest.mark.parametrize(
    "inputs", [A, [A], [A, B, A], [A, A[:, :1]], [A[:, None], B[:, None]]], ids=range(5)
)
def test_anything_but_two_vectors_is_refused(inputs):
    with pytest.raises(ValueError, match=r"list of two tensors of one shape"):
        EuclideanDistance()(inputs)


def test_epsilon_is_above_0():
    with pytest.raises(ValueError, match=r"`epsilon` must be a number above 0. Received: 0"):
        EuclideanDistance(0)
