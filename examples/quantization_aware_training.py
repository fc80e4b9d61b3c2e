"""Trains a network of keras.applications on handwritten digits, and exports it to int8 two ways.

    python examples/quantization_aware_training.py

Two to three minutes on two cores. First the usual float training. Then `quantize_aware` makes a
model that rounds as its int8 file will, which is fine-tuned for a few epochs at a tenth of the
rate. Both become .tflite files: the float model by calibration after training, the
quantization-aware one as it is. Each file is compared with the model that it was made from.
"""

import argparse
from pathlib import Path

import keras

from keras_cv_course.data import as_arrays, digits
from keras_cv_course.quantization import FreezeRanges, quantize_aware, strip, summary
from keras_cv_course.tflite import compare, convert

SHAPE = (48, 48, 3)
LOSS = "sparse_categorical_crossentropy"


def float_model() -> keras.Model:
    """Returns an untrained MobileNetV2 of keras.applications."""
    model = keras.applications.MobileNetV2(SHAPE, alpha=0.35, weights=None, classes=10)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # a few hundred steps do not settle statistics of 0.999
    return model


def main() -> None:
    """Parses the command line, trains, exports, and prints how files and models compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/qat"), help="folder to write")
    parser.add_argument("--epochs", type=int, nargs=2, default=(15, 4), help="float, and int8")
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate of the former")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    keras.utils.set_random_seed(options.seed)
    data = digits(SHAPE, (-1.0, 1.0), seed=options.seed)
    typical, _ = as_arrays(data.train.take(4))

    model = float_model()
    rate = keras.optimizers.schedules.CosineDecay(options.rate, options.epochs[0] * len(data.train))
    model.compile(keras.optimizers.Adam(rate), LOSS, metrics=["accuracy"])
    # The dataset shuffles itself.
    model.fit(data.train, epochs=options.epochs[0], shuffle=False, verbose=2)

    aware = quantize_aware(model, calibration_data=typical)
    rate = keras.optimizers.schedules.CosineDecay(
        options.rate / 10, options.epochs[1] * len(data.train)
    )
    aware.compile(keras.optimizers.Adam(rate), LOSS, metrics=["accuracy"])
    freeze = FreezeRanges(after=options.epochs[1] - 1)
    aware.fit(data.train, epochs=options.epochs[1], callbacks=[freeze], shuffle=False, verbose=2)
    print(summary(aware))

    aware.save(options.out / "aware.keras")
    strip(aware).save(options.out / "float_after.keras")
    convert(model, options.out / "after_training.tflite", calibration_data=typical)
    convert(aware, options.out / "aware.tflite")
    print(compare(model, options.out / "after_training.tflite", data.test))
    print(compare(aware, options.out / "aware.tflite", data.test))


if __name__ == "__main__":
    main()
