"""Trains a small network in a run folder, and may kill itself on the way.

`python killed_run.py FOLDER POINT` goes on with the run if it has begun. `POINT` is JSON: null, or
a list of what is under way and how often it must have come to that before. At the end the model's
and the optimizer's variables, and the best model's, are in `FOLDER/weights.npz`.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from breaking_off import Killer, arm

from keras_cv_course.data import augmented, digits
from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.training import RunFolder, compute_reproducibly, fit_run

EPOCHS = 7


class Noise(keras.layers.Layer):
    """Draws from Keras' global seed generator."""

    def call(self, inputs, training=False):
        return inputs + 0.1 * keras.random.normal((8, 8, 1)) if training else inputs


def build():
    layers = [
        Noise(),
        keras.layers.Conv2D(8, 3, use_bias=False),
        BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    optimizer = keras.optimizers.Adam(0.01, use_ema=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(folder, point):
    """Trains, and writes what came of it."""
    keras.utils.set_random_seed(0)
    compute_reproducibly()
    killer = Killer(json.loads(point))
    arm(killer)
    data = digits((8, 8, 1), batch_size=256)
    model = build()
    run = RunFolder(Path(folder))
    run.path.mkdir(exist_ok=True)
    callbacks = [
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.2),
        killer,
    ]
    train = augmented(data.epochs)
    fit_run(model, train, data.val, run, EPOCHS, callbacks=callbacks)
    best = keras.saving.load_model(run.model, custom_objects={"Noise": Noise}, compile=False)
    variables = [*model.variables, *model.optimizer.variables, *best.weights]
    arrays = {str(i): keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
    np.savez(run.path / "weights.npz", **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
