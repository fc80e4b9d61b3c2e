"""Trains a small network together with other processes, on JAX.

`python two_workers.py ADDRESSES INDEX FOLDER BATCHES` trains in a run folder; without ADDRESSES
alone. It writes its losses and weights to `FOLDER/worker_INDEX.npz`. A worker with a number of
batches ends after them, as if killed.
"""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course.data import as_arrays, digits
from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.training import RunFolder, fit_run, join_workers


class Ending(keras.callbacks.Callback):
    """Ends the process after some batches."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os._exit(9)


def main(addresses, index, folder, batches):
    """Trains, and writes what came of it."""
    os.environ["JAX_COORDINATOR_BIND_ADDRESS"] = addresses.split(",")[0]  # Nothing but loopback.
    worker = join_workers(addresses, int(index)) if addresses else None
    keras.utils.set_random_seed(0)
    data = digits((8, 8, 1), batch_size=128)
    images, labels = as_arrays(data.epochs.since(0).take(8))  # An epoch of whole batches.
    train = tf.data.Dataset.from_tensor_slices((images, labels)).batch(128)
    layers = [
        keras.layers.Conv2D(8, 3, use_bias=False),
        BatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    run = RunFolder(Path(folder))
    callbacks = [Ending(int(batches))]
    history = fit_run(model, train, data.val, run, 3, 0, callbacks, worker)
    weights = {f"weight {i}": w for i, w in enumerate(model.get_weights())}
    path = run.path / f"worker_{index}.npz"
    np.savez(path, losses=history["loss"], val=history["val_loss"], **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
