import keras
import numpy as np
import pytest

from keras_cv_course.training import StopOnDivergence


def diverging(rate):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def test_a_loss_that_is_no_number_ends_training_with_what_to_try(rng):
    x, y = rng.normal(size=(64, 2)), rng.normal(size=64)
    model = diverging(1e30)
    with pytest.raises(FloatingPointError, match=r"in batch \d of epoch 1.*rate of 1e\+30.*lower"):
        model.fit(x, y, batch_size=8, verbose=0, callbacks=[StopOnDivergence()])


def test_a_validation_loss_counts_too(rng):
    x, y = rng.normal(size=(8, 2)), rng.normal(size=8)
    with pytest.raises(FloatingPointError, match="`val_loss` is nan after epoch 2"):
        StopOnDivergence.on_epoch_end(with_model(diverging(0.1)), 1, {"val_loss": np.nan})
    model = diverging(0.1)
    model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[StopOnDivergence()])


def with_model(model):
    callback = StopOnDivergence()
    callback.set_model(model)
    return callback
