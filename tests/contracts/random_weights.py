"""Weights with which an untrained network tells pictures apart."""

import keras
import numpy as np

# How far from fresh values keeps signals alive through fifty layers.
_POSITIVE = ("gamma", "moving_variance", "variance")
_CENTRED = ("beta", "bias", "moving_mean", "mean")


def randomize(model, rng):
    """Gives `model` random kernels, normalizations and biases, none of them neutral."""
    values = []
    for variable in model.weights:
        name, shape = variable.path.rsplit("/", 1)[-1], tuple(variable.shape)
        if name in _POSITIVE:
            values.append(rng.uniform(0.5, 1.5, shape))
        elif name in _CENTRED:
            values.append(rng.normal(0, 0.2, shape))
        elif name == "count":
            values.append(np.zeros(shape))
        else:
            depthwise = len(shape) == 4 and shape[-1] == 1
            fan_in = np.prod(shape[:2] if depthwise else shape[:-1])
            values.append(rng.normal(0, fan_in**-0.5, shape))
    model.set_weights(values)
    settle(model)


def copy_weights(source, target):
    """Gives `target` the weights of `source`, in order."""
    target.set_weights(source.get_weights())
    settle(target)


def settle(model):
    """Makes normalization layers use the weights that were set."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def parity(reference, model, images, rng):
    """Returns the largest difference of the outputs when `model` has the weights of `reference`."""
    randomize(reference, rng)
    copy_weights(reference, model)
    expected, actual = np.asarray(reference(images)), np.asarray(model(images))
    assert expected.std() > 0.01, "outputs must not be constant, or anything would agree"
    return np.abs(expected - actual).max()
