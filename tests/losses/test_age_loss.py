import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.losses.age import AgeLoss, AgeLossSchedule
from keras_cv_course.losses.masked import MaskedLoss

NAN = float("nan")


def test_lambda_0_is_half_the_squared_error():
    assert float(AgeLoss(0.0)([[30.0]], [[34.0]])) == 8.0


def test_lambda_1_is_one_minus_a_gaussian():
    loss = AgeLoss(1.0, sigma=2.0)
    assert float(loss([[30.0]], [[34.0]])) == pytest.approx(1 - math.exp(-16 / 8))
    assert float(loss([[30.0]], [[30.0]])) == 0.0
    assert 0.999 < float(loss([[30.0]], [[90.0]])) <= 1.0


def test_lambda_between_mixes_both():
    expected = 0.7 * 8 + 0.3 * (1 - math.exp(-16 / 18))
    assert float(AgeLoss(0.3, sigma=3.0)([[30.0]], [[34.0]])) == pytest.approx(expected)


def test_gradient_is_that_of_the_formula():
    share, sigma, error = 0.4, 3.0, 2.0
    guess = tf.constant([[32.0]])
    with tf.GradientTape() as tape:
        tape.watch(guess)
        value = AgeLoss(share, sigma)(tf.constant([[30.0]]), guess)
    bell = math.exp(-(error**2) / (2 * sigma**2))
    expected = (1 - share) * error + share * bell * error / sigma**2
    assert float(tape.gradient(value, guess)[0, 0]) == pytest.approx(expected, rel=1e-5)


def test_each_sample_may_have_a_deviation_of_its_own():
    loss = AgeLoss(1.0, sigma=3.0)
    labels = np.array([[30.0, 1.0], [30.0, 5.0], [30.0, NAN], [30.0, 0.0]], "f")
    values = loss.call(labels, np.full((4, 1), 32.0, "f"))
    expected = [1 - math.exp(-4 / (2 * s * s)) for s in (1, 5, 3, 3)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_masked_it_takes_ages_with_and_without_deviations():
    loss = MaskedLoss(AgeLoss(0.5, sigma=3.0))
    guess = tf.constant([[32.0], [32.0], [60.0]])
    labels = tf.constant([[30.0, 1.0], [30.0, NAN], [NAN, NAN]])
    with tf.GradientTape() as tape:
        tape.watch(guess)
        value = loss(labels, guess)
    expected = [0.5 * 2 + 0.5 * (1 - math.exp(-4 / (2 * s * s))) for s in (1, 3)]
    assert float(value) == pytest.approx(np.mean(expected), rel=1e-5)
    slope = tape.gradient(value, guess).numpy()
    assert np.isfinite(slope).all()
    assert slope[2] == 0


def test_a_schedule_moves_lambda_of_a_model_that_is_training():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    loss = AgeLoss(sigma=1.0)
    model.compile(keras.optimizers.SGD(0.0), loss)
    x, y = np.zeros((4, 1), "f"), np.full((4, 1), 2.0, "f")
    history = model.fit(
        x, y, epochs=3, verbose=0, callbacks=[AgeLossSchedule(loss, lambda epoch: epoch / 2)]
    )
    bell = 1 - math.exp(-2)
    np.testing.assert_allclose(history.history["loss"], [2.0, 1.0 + bell / 2, bell], rtol=1e-5)
    assert loss.gaussian_share == 1.0


def test_config_keeps_lambda_as_it_is_now():
    loss = AgeLoss(0.2, sigma=4.0, name="years")
    loss.gaussian_share = 0.9
    again = AgeLoss.from_config(loss.get_config())
    assert (round(again.gaussian_share, 6), again.sigma, again.name) == (0.9, 4.0, "years")


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"`gaussian_share` must be in \[0, 1\]. Received: 1.5"):
        AgeLoss(1.5)
    with pytest.raises(ValueError, match="`sigma` must be a number above 0"):
        AgeLoss(sigma=0)
    with pytest.raises(ValueError, match="`gaussian_share`"):
        AgeLoss().gaussian_share = -0.1
