"""Weights with which an untrained network distinguishes images, as a trained one does."""

import keras
import numpy as np


def settle(model: keras.Model, images: np.ndarray) -> None:
    """Draws weights, and measures the statistics of batch normalizations that these have."""
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)  # For layers that drop at random.
    for variable in model.trainable_variables:
        name, shape = variable.path.rsplit("/", 1)[-1], tuple(variable.shape)
        if name == "gamma":
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif name in ("beta", "bias"):
            variable.assign(rng.normal(0, 0.2, shape))
        else:
            depthwise = len(shape) == 4 and shape[-1] == 1
            fan_in = np.prod(shape[:2] if depthwise else shape[:-1])
            variable.assign(rng.normal(0, fan_in**-0.5, shape))
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
