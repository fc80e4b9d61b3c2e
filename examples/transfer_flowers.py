"""Transfers MobileNetV2 from ImageNet to 17 kinds of flowers, and exports it to int8.

    python examples/transfer_flowers.py --data flowers17 --weights imagenet

First the new classifier alone is trained on the frozen network, then the last stages with it at
a tenth of the rate, batch norm frozen. The folder has `train` and `val`, each with a folder of
images for each class; `--weights` is "imagenet" or a file.
"""

import argparse
from pathlib import Path

import keras

from keras_cv_course import MobileNetV2
from keras_cv_course.data import as_arrays, image_folder
from keras_cv_course.tflite import compare, convert

SHAPE = (224, 224, 3)
TRAINED_STAGES = ("stage6_", "stage7_", "top_")


def augmentation() -> keras.Sequential:
    """Returns layers that make of each photograph a new one that could have been taken."""
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal", seed=0),
            keras.layers.RandomRotation(0.05, fill_mode="nearest", seed=1),
            keras.layers.RandomZoom((-0.25, 0.1), fill_mode="nearest", seed=2),
        ]
    )


def unfreeze(model: keras.Model, stages: tuple[str, ...]) -> None:
    """Lets the classifier and the convolutions of some stages learn; batch norm stays as it is."""
    for layer in model.layers:
        frozen = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name.startswith(("logits", *stages)) and not frozen


def main() -> None:
    """Parses the command line, trains in two steps, exports and prints how the files compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train and val")
    parser.add_argument("--weights", default="imagenet", help='"imagenet" or a weights file')
    parser.add_argument("--out", type=Path, default=Path("runs/flowers"), help="folder to write")
    parser.add_argument("--epochs", type=int, nargs=2, default=(15, 10), help="of the two steps")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate of the first step")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)
    data = image_folder(options.data, SHAPE, (-1.0, 1.0), seed=options.seed)
    model = MobileNetV2(SHAPE, weights=options.weights, classes=len(data.class_names))
    distort = augmentation()
    train = data.train.map(lambda images, labels: (distort(images, training=True), labels))

    steps = zip(((), TRAINED_STAGES), options.epochs, (1.0, 0.1), strict=True)
    for stages, epochs, share in steps:
        unfreeze(model, stages)
        rate = keras.optimizers.schedules.CosineDecay(options.rate * share, epochs * len(train))
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        # The dataset shuffles itself.
        model.fit(train, validation_data=data.val, epochs=epochs, shuffle=False, verbose=2)
    options.out.mkdir(parents=True, exist_ok=True)
    model.save(options.out / "model.keras")

    samples, _ = as_arrays(data.train.unbatch().take(200).batch(50))
    for quantize, io_dtype in (("none", "float32"), ("int8", "uint8")):
        calibration = samples if quantize == "int8" else None
        path = options.out / f"model_{quantize}.tflite"
        convert(model, path, quantize, io_dtype, calibration, class_names=data.class_names)
        print(compare(model, path, data.val))


if __name__ == "__main__":
    main()
