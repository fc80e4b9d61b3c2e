"""Weights with which an untrained network distinguishes images."""

import keras
import numpy as np

_POSITIVE = ("gamma", "variance")
_CENTRED = ("beta", "bias", "mean")


def randomize(model, rng, images=None):
    """Gives `model` random weights, and the moving statistics that they have on `images`.

    Statistics of another network would let signals die out or be cut off on their way through
    fifty layers, and then outputs say nothing about the input.
    """
    values = []
    for variable in model.weights:
        name, shape = variable.path.rsplit("/", 1)[-1], tuple(variable.shape)
        if name in _POSITIVE:
            values.append(rng.uniform(0.5, 1.5, shape))
        elif name in _CENTRED:
            values.append(rng.normal(0, 0.2, shape))
        elif name in ("count", "moving_mean", "moving_variance"):
            values.append(np.zeros(shape))
        else:
            depthwise = len(shape) == 4 and shape[-1] == 1
            fan_in = np.prod(shape[:2] if depthwise else shape[:-1])
            values.append(rng.normal(0, fan_in**-0.5, shape))
    model.set_weights(values)
    settle(model)
    if images is None:
        images = rng.uniform(-1, 1, (2, *(size or 32 for size in model.input_shape[1:])))
    measure_statistics(model, images)


def measure_statistics(model, images):
    """Gives the batch normalizations of `model` the statistics that they have on `images`."""
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


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
    randomize(reference, rng, images)
    copy_weights(reference, model)
    expected, actual = np.asarray(reference(images)), np.asarray(model(images))
    spread = np.abs(expected - expected[::-1]).max()
    assert spread > 0.1, "images must tell in the outputs, or anything would agree"
    return np.abs(expected - actual).max()
