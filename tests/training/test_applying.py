import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import tiny_network

from keras_cv_course import load_model
from keras_cv_course.data import digits
from keras_cv_course.training.applying import (
    compile_classifier,
    penalize_kernels,
    recipe_callbacks,
)
from keras_cv_course.training.fitting import fit
from keras_cv_course.training.recipe import Recipe


@pytest.fixture(scope="module")
def data():
    return digits((8, 8, 1), batch_size=128)


def tiny(activation="softmax", size=8):
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.BatchNormalization(momentum=0.5),
        keras.layers.GlobalMaxPooling2D() if size is None else keras.layers.Flatten(),
        keras.layers.Dense(10, activation=activation),
    ]
    return keras.Sequential([keras.Input((size, size, 1)), *layers])


def accuracy(model, split):
    right = [np.argmax(model.predict_on_batch(x), -1) == y for x, y in split.as_numpy_iterator()]
    return np.mean(np.concatenate(right))


def test_a_model_learns_by_a_recipe_and_its_history_comes_back(data):
    model = tiny()
    history = fit(model, Recipe(epochs=3, learning_rate=0.02), data.train, data.val, verbose=0)
    assert isinstance(history, keras.callbacks.History)
    assert history.epoch == [0, 1, 2]
    assert history.history["val_accuracy"][-1] == pytest.approx(accuracy(model, data.val))
    assert history.history["val_accuracy"][-1] > 0.85
    assert int(model.optimizer.iterations) == 3 * len(data.train)
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-7)


def test_all_parts_work_together_and_the_average_is_what_is_evaluated(data):
    recipe = Recipe(
        epochs=4,
        optimizer="adamw",
        learning_rate=0.05,
        weight_decay=0.01,
        l2=1e-4,
        label_smoothing=0.1,
        shift=0.05,
        erase=0.1,
        mixup=0.1,
        ema=0.9,
    )
    model = tiny()
    history = fit(model, recipe, data.train, data.val, (-1.0, 1.0), verbose=0)
    assert history.history["val_accuracy"][-1] == pytest.approx(accuracy(model, data.val))
    assert history.history["val_accuracy"][-1] > 0.8
    # Weights and averages are one at the end, so that what is saved is what was evaluated.
    averages = model.optimizer._model_variables_moving_average
    for weight, average in zip(model.trainable_variables, averages, strict=True):
        np.testing.assert_array_equal(weight, average)


def test_the_seed_makes_the_result(data):
    recipe = Recipe(epochs=1, shift=0.1, mixup=0.2)

    def trained(recipe):
        model = tiny()
        fit(model, recipe, digits((8, 8, 1), batch_size=128).train.take(2), verbose=0)
        return model.get_weights()[0]

    first = trained(recipe)
    np.testing.assert_allclose(trained(recipe), first, rtol=1e-4, atol=1e-6)
    assert np.abs(trained(dataclasses.replace(recipe, seed=1)) - first).max() > 1e-4


def test_logits_and_probabilities_get_the_loss_that_fits(data):
    for activation, from_logits in (("softmax", False), (None, True)):
        for smoothing, kind in ((0.0, "SparseCategorical"), (0.1, "Categorical")):
            model = tiny(activation)
            compile_classifier(model, Recipe(label_smoothing=smoothing), 10)
            assert type(model.loss).__name__ == f"{kind}Crossentropy"
            assert model.loss.get_config()["from_logits"] is from_logits
    assert model.loss.label_smoothing == pytest.approx(1 / 9)


def test_our_networks_end_in_probabilities_or_logits():
    for activation, from_logits in (("softmax", False), (None, True)):
        model = tiny_network(classifier_activation=activation)
        compile_classifier(model, Recipe(), 10)
        assert model.loss.get_config()["from_logits"] is from_logits


def test_weight_decay_spares_biases_and_normalizations():
    model = tiny()
    compile_classifier(
        model,
        Recipe(
            optimizer="sgd",
            momentum=0.0,
            learning_rate=0.5,
            weight_decay=0.1,
            schedule="constant",
            warmup_epochs=0,
        ),
        10,
    )
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    zeros = [np.zeros(v.shape, np.float32) for v in model.trainable_variables]
    model.optimizer.build(model.trainable_variables)
    model.optimizer.apply(zeros, model.trainable_variables)
    for variable in model.trainable_variables:
        expected = 0.95 if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(variable, expected, rtol=1e-6, err_msg=variable.path)


def test_penalties_are_sums_over_kernels_alone(tmp_path):
    image = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(2, 1)(image)
    x = keras.layers.DepthwiseConv2D(2)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.SeparableConv2D(2, 2)(x)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    outer = keras.Sequential([keras.Input((4, 4, 2)), model])
    kernels = [w.numpy() for w in model.trainable_variables if w.name.endswith("kernel")]
    assert len(kernels) == 5
    absolute = sum(np.abs(k).sum() for k in kernels)
    squares = sum((k**2).sum() for k in kernels)
    # Elastic net: lambda * (beta * w^2 + |w|) with lambda 0.01 and beta 0.5.
    penalize_kernels(outer, l1=0.01, l2=0.005)
    assert float(sum(outer.losses)) == pytest.approx(0.01 * absolute + 0.005 * squares, rel=1e-5)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert float(sum(again.losses)) == pytest.approx(float(sum(model.losses)), rel=1e-5)
    penalize_kernels(outer, 0.0, 0.0)
    assert outer.losses == []


def test_the_loss_of_a_step_has_the_penalty_in_it(data):
    model = tiny()
    images, labels = next(data.train.as_numpy_iterator())
    compile_classifier(model, Recipe(), 10)
    plain = model.evaluate(images, labels, verbose=0)[0]
    compile_classifier(model, Recipe(l2=0.5), 10)
    squares = sum((w.numpy() ** 2).sum() for w in model.trainable_variables if w.name == "kernel")
    loss = model.evaluate(images, labels, verbose=0)[0]
    assert loss - plain == pytest.approx(0.5 * squares, rel=1e-4)


def test_a_recipe_synchronizes_batch_norm():
    model = tiny()
    compile_classifier(model, Recipe(), 10)
    assert not model.layers[1].synchronized
    compile_classifier(model, Recipe(sync_batch_norm=True), 10)
    assert model.layers[1].synchronized


def test_random_batch_sizes_need_a_network_of_free_size(rng):
    images = rng.normal(size=(6, 32, 32, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices((images, np.arange(6))).batch(2)
    recipe = Recipe(epochs=2, batch_sizes_px=(32, 64))
    history = fit(tiny(size=None), recipe, data, data, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()
    with pytest.raises(ValueError, match=r"any size. Received one for \(8, 8, 1\): build it with"):
        fit(tiny(), recipe, data)


def test_callbacks_are_those_that_the_recipe_needs():
    assert recipe_callbacks(Recipe()) == []
    (swap,) = recipe_callbacks(Recipe(ema=0.99))
    assert isinstance(swap, keras.callbacks.SwapEMAWeights)
    assert swap.swap_on_epoch


def test_what_cannot_be_known_is_asked_for(data):
    with pytest.raises(ValueError, match=r"`input_range` must be given to change colours"):
        fit(tiny(), Recipe(rand_augment=2), data.train)
    with pytest.raises(ValueError, match=r"`train` must have a known number of batches"):
        fit(tiny(), Recipe(), data.train.repeat())
