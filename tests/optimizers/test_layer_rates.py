import keras
import numpy as np
import pytest

from keras_cv_course.optimizers.layer_rates import LayerRateAdam, LayerRateAdamW, LayerRateSGD

CLASSES = {LayerRateSGD: "SGD", LayerRateAdam: "Adam", LayerRateAdamW: "AdamW"}


def two_layers():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(3, name="early"), keras.layers.Dense(2, name="late")]
    return keras.Sequential([keras.Input((4,)), *layers])


def moved(model, optimizer, steps=1):
    """Returns by how much the kernels of both layers change under gradients of 1."""
    before = [layer.kernel.numpy() for layer in model.layers]
    optimizer.build(model.trainable_variables)
    for _ in range(steps):
        gradients = [np.ones(v.shape, np.float32) for v in model.trainable_variables]
        optimizer.apply(gradients, model.trainable_variables)
    return [layer.kernel.numpy() - old for layer, old in zip(model.layers, before, strict=True)]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_layer_moves_at_its_own_rate_and_others_as_in_keras(kind):
    options = {"weight_decay": 0.0} if kind is LayerRateAdamW else {}
    early, late = moved(two_layers(), kind({"early": 0.25}, learning_rate=0.1, **options))
    theirs = getattr(keras.optimizers, CLASSES[kind])(learning_rate=0.1, **options)
    plain_early, plain_late = moved(two_layers(), theirs)
    np.testing.assert_allclose(early, 0.25 * plain_early, rtol=1e-5)
    np.testing.assert_array_equal(late, plain_late)


def test_a_schedule_is_multiplied_and_decay_is_not():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.1, 0.01])
    early, late = moved(two_layers(), LayerRateSGD({"early": 0.5}, schedule), steps=2)
    np.testing.assert_allclose(early, -0.055, rtol=1e-5)
    np.testing.assert_allclose(late, -0.11, rtol=1e-5)
    model = two_layers()
    kernel = model.layers[0].kernel.numpy()
    early, _ = moved(model, LayerRateSGD({"early": 0.5}, 0.1, weight_decay=0.2))
    np.testing.assert_allclose(early, -0.1 * 0.2 * kernel - 0.05, rtol=1e-5)


def test_a_saved_model_goes_on_as_the_unbroken_one(tmp_path, rng):
    x, y = rng.normal(size=(16, 4)), rng.normal(size=(16, 2))
    model = two_layers()
    model.compile(LayerRateAdam({"early": 0.25}, 0.1), "mse")
    model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.optimizer.rates == {"early": 0.25}
    for each in (model, again):
        each.fit(x, y, epochs=1, verbose=0, shuffle=False)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rates_must_be_above_zero():
    with pytest.raises(ValueError, match=r"`rates` must be a number above 0. Received: 0"):
        LayerRateSGD({"early": 0.0})
