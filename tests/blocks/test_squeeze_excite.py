import keras
import numpy as np
import pytest

from keras_cv_course.blocks.squeeze_excite import SqueezeExcite, squeeze_excite


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("gate", "reference"),
    [("sigmoid", _sigmoid), ("hard_sigmoid", lambda x: np.clip(x + 3, 0, 6) / 6)],
)
def test_equals_numpy(gate, reference, rng):
    image = keras.Input((4, 5, 6))
    model = keras.Model(image, squeeze_excite(image, SqueezeExcite(2, "relu", gate), "s_se"))
    weights = [rng.normal(size=w.shape) for w in model.weights]
    model.set_weights(weights)
    reduce, reduce_bias, expand, expand_bias = weights

    x = rng.normal(size=(3, 4, 5, 6)).astype("float32")
    hidden = np.maximum(x.mean((1, 2)) @ reduce[0, 0] + reduce_bias, 0)
    weight = reference(hidden @ expand[0, 0] + expand_bias)
    np.testing.assert_allclose(model(x), x * weight[:, None, None], rtol=1e-5, atol=1e-5)


def test_needs_no_reshape():
    image = keras.Input((None, None, 6))
    model = keras.Model(image, squeeze_excite(image, SqueezeExcite(2, "relu", "sigmoid"), "s"))
    kinds = {type(layer).__name__ for layer in model.layers}
    assert not kinds & {"Reshape", "Flatten"}
    assert model.get_layer("s_pool").keepdims
