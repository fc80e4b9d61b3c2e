import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.losses.landmarks import LandmarkLoss

NAN = float("nan")


def test_half_the_mean_squared_distance():
    # Distances of 5 and 13: (25 + 169) / (2 * 2 points).
    value = float(LandmarkLoss()([[0.0, 0.0, 1.0, 1.0]], [[3.0, 4.0, 6.0, 13.0]]))
    assert value == pytest.approx(194 / 4)


def test_a_hidden_point_has_no_error_and_no_gradient_and_the_count_stays():
    guess = tf.constant([[3.0, 4.0, 6.0, 13.0]])
    with tf.GradientTape() as tape:
        tape.watch(guess)
        value = LandmarkLoss()(tf.constant([[0.0, 0.0, NAN, NAN]]), guess)
    assert float(value) == pytest.approx(25 / 4)
    np.testing.assert_allclose(tape.gradient(value, guess), [[1.5, 2.0, 0.0, 0.0]])


def test_config_makes_the_loss_again():
    again = keras.losses.deserialize(keras.losses.serialize(LandmarkLoss(name="points")))
    assert isinstance(again, LandmarkLoss)
    assert again.name == "points"
