"""What a loss sees of probabilities while a quantization-aware model trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_cv_course.quantization import quantize_aware

LOGIT = 10.0
P = 4.5398e-5  # of the class, 1 / (1 + e^10), that the model takes for nearly impossible


def head(end, units, after=None, **options):
    """A dense layer whose kernel is 0: its bias alone gives the logits."""
    x = keras.Input((3,), name="x")
    y = layers.Dense(units, name="line", **options)(x)
    y = end(y)
    return keras.Model(x, y if after is None else after(y))


def set_logits(model, logits):
    (layer,) = (layer for layer in model.layers if getattr(layer, "bias", None) is not None)
    kernel, _ = layer.get_weights()
    layer.set_weights([np.zeros_like(kernel), np.array(logits, "float32")])
    return layer.bias


def bias_gradient(model, loss, target, logits):
    x = np.ones((1, 3), "float32")
    bias = set_logits(model, logits)
    with tf.GradientTape() as tape:
        value = loss(np.array([target], "float32"), model(x, training=True))
    return tape.gradient(value, bias.value).numpy()


def aware_of(model, logits):
    set_logits(model, logits)
    return quantize_aware(model, np.ones((4, 3), "float32"))


CATEGORICAL = keras.losses.CategoricalCrossentropy
BINARY = keras.losses.BinaryCrossentropy
SOFTMAX = {
    "layer": lambda: head(layers.Softmax(name="probabilities"), 2),
    "activation": lambda: head(layers.Activation("softmax", name="probabilities"), 2),
    "fused": lambda: head(lambda y: y, 2, activation="softmax"),
    "operator": lambda: head(keras.ops.softmax, 2),
    "reshaped": lambda: head(layers.Softmax(), 2, layers.Reshape((2,))),
}


@pytest.mark.parametrize("name", SOFTMAX)
def test_a_confident_mistake_has_the_gradient_of_the_float_model(name):
    logits = (LOGIT, 0.0)
    model = SOFTMAX[name]()
    aware = aware_of(model, logits)
    # The second class is right: p - 1 for it, and p of the first is 1 - 4.5e-5.
    gradients = bias_gradient(aware, CATEGORICAL(), (0.0, 1.0), logits)
    np.testing.assert_allclose(gradients, (1.0 - P, P - 1.0), atol=1e-3)  # 10 is 255 steps
    expected = bias_gradient(model, CATEGORICAL(), (0.0, 1.0), logits)
    np.testing.assert_allclose(gradients, expected, atol=1e-3)


def test_label_smoothing_pulls_back_from_certainty():
    logits = (LOGIT, 0.0)
    aware = aware_of(SOFTMAX["layer"](), logits)
    gradients = bias_gradient(aware, CATEGORICAL(label_smoothing=0.2), (1.0, 0.0), logits)
    # p - y = 1 - 4.5e-5 - 0.9 for the right class.
    np.testing.assert_allclose(gradients, (0.1 - P, P - 0.1), atol=1e-3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: head(layers.Activation("sigmoid"), 2),
        lambda: head(lambda y: y, 2, activation="sigmoid"),
        lambda: head(keras.ops.sigmoid, 2),
        lambda: head(lambda y: layers.Concatenate()([keras.ops.sigmoid(y)] * 2), 2),
    ],
    ids=["layer", "fused", "operator", "concatenated"],
)
def test_sigmoid_heads_have_the_gradient_of_the_float_model(make):
    logits = (LOGIT, -LOGIT)
    model = make()
    aware = aware_of(model, logits)
    target = (0.0, 1.0) * (model.output_shape[-1] // 2)
    gradients = bias_gradient(aware, BINARY(), target, logits)
    # The mean over the units of p - y: both are wrong, and sure of it.
    np.testing.assert_allclose(gradients, (0.5 * (1 - P), 0.5 * (P - 1)), atol=1e-3)
    np.testing.assert_allclose(gradients, bias_gradient(model, BINARY(), target, logits), atol=1e-3)


def test_product_of_probabilities_is_not_rounded_in_training():
    logits = (-6.0, -6.0)

    def objectness_times_class(y):
        return layers.Multiply()([y[:, :1], y[:, 1:]])

    model = head(layers.Activation("sigmoid"), 2, objectness_times_class)
    aware = aware_of(model, logits)
    # -log(p * q) with p = q = sigmoid(-6): its derivative is p - 1 for each.
    expected = bias_gradient(model, BINARY(), (1.0,), logits)
    np.testing.assert_allclose(expected, 1 / (1 + np.exp(6.0)) - 1, atol=1e-2)
    gradients = bias_gradient(aware, BINARY(), (1.0,), logits)
    np.testing.assert_allclose(gradients, expected, atol=1e-3)


def test_scores_beyond_the_range_are_pulled_back():
    aware = aware_of(SOFTMAX["layer"](), (5.0, -5.0))
    gradients = bias_gradient(aware, CATEGORICAL(), (0.0, 1.0), (20.0, -20.0))
    np.testing.assert_allclose(gradients, (1.0, -1.0), atol=1e-3)


@pytest.mark.parametrize("logit", [-7.0, 7.0])
def test_a_saturated_gate_is_rounded_and_has_a_gradient(logit):
    x = keras.Input((3,), name="x")
    gate = layers.Dense(1, activation="sigmoid", name="line")(x)
    model = keras.Model(
        x, layers.Multiply()([layers.Dense(1, use_bias=False, kernel_initializer="ones")(x), gate])
    )
    aware = aware_of(model, (logit,))
    p = 1 / (1 + np.exp(-logit))
    # The output is 3 * sigmoid(logit).
    gradients = bias_gradient(aware, lambda _, y: y, (0.0,), (logit,))
    np.testing.assert_allclose(gradients, [3 * p * (1 - p)], rtol=0.05)
    seen = aware(np.ones((1, 3), "float32"), training=True).numpy()
    np.testing.assert_allclose(seen, 3 * np.round(p * 256).clip(0, 255) / 256, atol=0.01)


def test_inference_rounds_to_256ths():
    logits = (4.0, 0.0)
    aware = aware_of(SOFTMAX["layer"](), logits)
    x = np.ones((1, 3), "float32")
    outputs = aware(x, training=False).numpy() * 256
    np.testing.assert_array_equal(outputs, np.round(outputs))
    seen = aware(x, training=True).numpy()[0]
    np.testing.assert_allclose(seen, np.exp(logits) / np.sum(np.exp(logits)), rtol=1e-3)


def test_saved_model_trains_on_unrounded_probabilities(tmp_path):
    logits = (LOGIT, 0.0)
    aware_of(SOFTMAX["layer"](), logits).save(tmp_path / "aware.keras")
    again = keras.models.load_model(tmp_path / "aware.keras")
    gradients = bias_gradient(again, CATEGORICAL(), (0.0, 1.0), logits)
    np.testing.assert_allclose(gradients, (1.0 - P, P - 1.0), atol=1e-3)


def test_fitting_learns_from_a_confident_mistake():
    logits = (LOGIT, 0.0)
    aware = aware_of(SOFTMAX["fused"](), logits)
    aware.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    bias = set_logits(aware, logits)
    aware.fit(np.ones((1, 3), "float32"), np.array([1]), verbose=0)
    np.testing.assert_allclose(bias.numpy(), (LOGIT - 1.0, 1.0), atol=1e-3)
