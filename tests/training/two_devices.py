"""Trains a small network on one or on two logical CPUs, in a process of its own.

`python two_devices.py STRATEGY OUT.npz` trains with a strategy, "none" for one device, and writes
the losses of the batches and the weights.
"""

import sys
from pathlib import Path

import numpy as np


class Losses:
    """Collects the mean loss after each batch."""

    def __init__(self):
        self.values = []

    def callback(self, keras):
        return keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda _, logs: self.values.append(logs["loss"])
        )


def main(strategy, target):
    """Trains, and writes what came of it."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])

    import keras

    from keras_cv_course.data import digits
    from keras_cv_course.layers.batch_normalization import BatchNormalization
    from keras_cv_course.training import (
        RunFolder,
        fit_run,
        strategy_scope,
        synchronize_batch_norm,
    )

    def build(devices):
        keras.utils.set_random_seed(0)
        layers = [
            keras.layers.Conv2D(8, 3, use_bias=False),
            BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
        model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
        if devices > 1:
            synchronize_batch_norm(model)
        optimizer = keras.optimizers.Adam(0.01)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    data = digits((8, 8, 1), batch_size=128)
    run = RunFolder(Path(target).with_suffix(""))
    run.path.mkdir()
    losses = Losses()
    with strategy_scope(None if strategy == "none" else strategy) as devices:
        model, restored = build(devices), build(devices)
        for trained in (model, restored):  # All epochs are done when it is the second one's turn.
            fit_run(trained, data.epochs, data.val, run, 3, 0, [losses.callback(keras)])
    for ours, theirs in zip(restored.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    weights = {f"weight {i}": w for i, w in enumerate(model.get_weights())}
    np.savez(target, devices=devices, losses=losses.values, **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
