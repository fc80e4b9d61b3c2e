import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_cv_course.training.rate_finder import RateSearch, find_learning_rate, plot_rates


@pytest.fixture
def line(rng):
    """y = 3x, which a dense layer learns by plain gradient descent below a rate of 2 / 2 = 1."""
    x = rng.choice([-1.0, 1.0], size=(64, 1)).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((x, 3 * x)).batch(16)


def compiled(loss="mse"):
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(0.123), loss)
    return model


def test_the_loss_of_each_rate_is_what_gradient_descent_gives(line):
    model = compiled()
    search = find_learning_rate(model, line, 1e-4, 3.0, steps=60, smoothing=0.0)
    rates = 1e-4 * 30000 ** (np.arange(60) / 59)
    np.testing.assert_allclose(search.rates, rates[: len(search.rates)], rtol=1e-4)
    weight, expected = 0.0, []
    for rate in search.rates:
        expected.append((weight - 3) ** 2)
        weight -= rate * 2 * (weight - 3)
    np.testing.assert_allclose(search.losses, expected, rtol=1e-2, atol=1e-6)
    assert len(search.losses) < 60  # It stopped once the loss shot up.
    assert 0.01 < search.steepest < search.lowest < 1.2
    assert float(model.layers[0].kernel[0, 0]) == 0.0
    assert float(model.optimizer.learning_rate) == pytest.approx(0.123)


def test_smoothing_is_unbiased(line):
    search = find_learning_rate(compiled(), line, 1e-4, 3.0, steps=60, smoothing=0.9)
    assert search.losses[0] == pytest.approx(9.0, rel=1e-4)
    assert search.losses[1] < 9.0


def test_the_plot_shows_the_curve(tmp_path):
    rates = tuple(np.geomspace(1e-5, 1, 50).tolist())
    losses = tuple((2.3 - 2 * np.exp(-((np.log10(rates) + 1) ** 2))).tolist())
    plot_rates(RateSearch(rates, losses, 0.03, 0.1), tmp_path / "rates.png")
    with Image.open(tmp_path / "rates.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_bad_arguments_are_refused(line):
    with pytest.raises(ValueError, match=r"`highest` must be above `lowest`, 0.1"):
        find_learning_rate(compiled(), line, 0.1, 0.01)
    with pytest.raises(ValueError, match=r"`steps` must be at least 20"):
        find_learning_rate(compiled(), line, steps=10)
    with pytest.raises(ValueError, match=r"`model` must be compiled"):
        find_learning_rate(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), line)
    with pytest.raises(ValueError, match=r"it rose after \d+ steps from 10. Try a tenth"):
        find_learning_rate(compiled(), line, 10, 1000, smoothing=0.0)
