"""Trains a small quantization-aware network on two logical devices, in a process of its own.

`python two_replicas.py OUT.npz` writes the losses, and each weight as each replica has it.
"""

import sys

import numpy as np


def main(target: str) -> None:
    """Trains on two halves of a CPU, and writes what came of it."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])

    import keras
    from keras import layers

    from keras_cv_course.quantization import FreezeRanges, quantize_aware

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (32, 8, 8, 3)).astype("float32")
    x[:8] *= 3.0  # of the first batch of 16, what the first replica sees
    y = rng.integers(0, 3, 32)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        image = keras.Input((8, 8, 3), name="image")
        maps = layers.Conv2D(4, 3, use_bias=False)(image)
        maps = layers.ReLU()(layers.BatchNormalization()(maps))
        both = layers.Concatenate()([maps, layers.Conv2D(4, 3)(image)])
        scores = layers.Dense(3)(layers.GlobalAveragePooling2D()(both))
        model = quantize_aware(keras.Model(image, scores))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss)
    history = model.fit(
        x, y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=[FreezeRanges(1)]
    )
    results = {
        "losses": np.array(history.history["loss"]),
        "replicas": strategy.num_replicas_in_sync,
    }
    for i, variable in enumerate(model.variables):
        values = [v.numpy() for v in strategy.experimental_local_results(variable.value)]
        results[f"{i}/{variable.path}"] = np.array(values)
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
