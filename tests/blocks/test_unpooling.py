import keras
import numpy as np
import pytest

from keras_cv_course.blocks.unpooling import max_unpool


def network(height, width, channels, other=False):
    image = keras.Input((height, width, channels))
    pooled = keras.layers.MaxPooling2D(2)(image)
    x = keras.Input((height // 2, width // 2, channels)) if other else pooled
    y = max_unpool(x, image, pooled, "unpool")
    return keras.Model([image, x], y) if other else keras.Model(image, y)


def by_argmax(x, before):
    """The same with indices and a scatter, in NumPy."""
    maxima = np.zeros_like(before)
    for n, i, j, c in np.ndindex(x.shape):
        window = before[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        row, column = np.unravel_index(window.argmax(), (2, 2))
        maxima[n, 2 * i + row, 2 * j + column, c] = x[n, i, j, c]
    return maxima


def test_the_matrices_of_the_lecture():
    before = np.float32([[1, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])
    values = np.float32([[10, 20], [30, 40]])
    actual = network(4, 4, 1, other=True)([before[None, ..., None], values[None, ..., None]])
    expected = [[0, 0, 20, 0], [0, 10, 0, 0], [0, 0, 0, 0], [30, 0, 0, 40]]
    np.testing.assert_array_equal(np.asarray(actual)[0, ..., 0], expected)


@pytest.mark.parametrize("most", [2, 1000])
def test_ties_are_broken_as_argmax_does(rng, most):
    before = rng.integers(0, most, (3, 8, 6, 5)).astype("float32")
    x = rng.normal(size=(3, 4, 3, 5)).astype("float32")
    actual = network(8, 6, 5, other=True)([before, x])
    np.testing.assert_array_equal(actual, by_argmax(x, before))


def test_positions_have_no_gradient():
    import tensorflow as tf

    before = tf.Variable([[[[1.0], [2.0]], [[3.0], [4.0]]]])
    model = network(2, 2, 1)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(model(before) * [[[[1.0], [1.0]], [[1.0], [7.0]]]])
    np.testing.assert_array_equal(tape.gradient(y, before)[0, ..., 0], [[0, 0], [0, 7]])
    assert not model.trainable_weights


def test_it_is_saved(tmp_path, rng):
    model = network(4, 4, 3)
    model.save(tmp_path / "model.keras")
    x = rng.normal(size=(2, 4, 4, 3)).astype("float32")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
