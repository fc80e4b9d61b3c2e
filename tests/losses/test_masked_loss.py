import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.losses.landmarks import LandmarkLoss
from keras_cv_course.losses.masked import MaskedLoss

NAN = float("nan")


def gradient(loss, y_true, y_pred):
    y_pred = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(tf.constant(y_true), y_pred)
    return float(value), tape.gradient(value, y_pred).numpy()


def test_gender_and_smile_loss_is_the_slides():
    # L = -(1 - g) ln(1 - p) - g ln p
    loss = MaskedLoss(keras.losses.BinaryCrossentropy())
    value = float(loss(np.array([[1.0], [0.0], [NAN]]), np.array([[0.8], [0.3], [0.9]])))
    assert value == pytest.approx((-math.log(0.8) - math.log(0.7)) / 2, rel=1e-5)


def test_probabilities_of_zero_and_one_are_clipped():
    loss = MaskedLoss(keras.losses.BinaryCrossentropy())
    value = float(loss(np.array([[1.0], [0.0]], "f"), np.array([[0.0], [1.0]], "f")))
    assert value == pytest.approx(-math.log(1e-7), rel=0.01)


def test_identity_loss_of_a_uniform_guess_is_ln_10548():
    loss = MaskedLoss(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    value = float(loss(np.array([[17.0], [NAN]]), np.zeros((2, 10_548), "f")))
    assert value == pytest.approx(9.2637, abs=5e-5)


def test_an_unlabelled_sample_has_no_gradient_and_does_not_count():
    loss = MaskedLoss(keras.losses.MeanSquaredError())
    value, slope = gradient(loss, [[1.0], [NAN], [NAN]], [[3.0], [9.0], [-9.0]])
    assert value == 4.0
    assert slope.tolist() == [[4.0], [0.0], [0.0]]


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryCrossentropy(),
        keras.losses.MeanSquaredError(),
        LandmarkLoss(),
    ],
    ids=lambda loss: loss.name,
)
def test_a_batch_without_labels_gives_zero_and_no_gradient(loss):
    value, slope = gradient(MaskedLoss(loss), np.full((2, 4), NAN, "f"), np.full((2, 4), 0.3, "f"))
    assert value == 0.0
    assert not slope.any()


def test_single_unknown_values_have_no_gradient():
    loss = MaskedLoss(keras.losses.MeanSquaredError())
    value, slope = gradient(loss, [[1.0, NAN, 0.0]], [[2.0, 5.0, 3.0]])
    assert value == pytest.approx((1 + 9) / 3)
    np.testing.assert_allclose(slope, [[2 / 3, 0, 2]], rtol=1e-6)


def test_sample_weights_are_honoured_beside_the_mask():
    loss = MaskedLoss(keras.losses.MeanSquaredError())
    labels, guesses = np.array([[0.0], [0.0], [NAN]]), np.array([[1.0], [2.0], [5.0]])
    expected = (3 * 1 + 1 * 4) / 4
    for weight in ([3.0, 1.0, 2.0], [[3.0], [1.0], [2.0]]):
        assert float(loss(labels, guesses, sample_weight=np.array(weight))) == expected


def test_flat_labels_are_taken():
    loss = MaskedLoss(keras.losses.MeanSquaredError())
    assert float(loss(np.array([1.0, NAN]), np.array([[3.0], [0.0]]))) == 4.0


def test_config_makes_the_loss_again():
    loss = MaskedLoss(keras.losses.BinaryCrossentropy(label_smoothing=0.5), name="points")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, MaskedLoss)
    assert again.name == "points"
    assert again.loss.get_config()["label_smoothing"] == 0.5


def test_what_is_no_loss_is_refused():
    with pytest.raises(TypeError, match=r"`loss` must be a keras\.losses\.Loss.*'mse'"):
        MaskedLoss("mse")
