"""Trains a U-Net on MobileNetV2 on road scenes, and exports it in int8.

    python examples/segmentation_camvid.py camvid --weights mobilenet_v2_1.0_224.weights.h5

The folder holds `train`, `trainannot`, `val` and `valannot`, as in the CamVid of SegNet's authors.
The decoder learns first, on a backbone that stays as it is; then all learn at a lower rate. Batch
normalization of the backbone keeps its statistics: a few hundred images are too few for new ones.
"""

import argparse
from pathlib import Path

import keras

from keras_cv_course import MobileNetV2, UNet, convert, load
from keras_cv_course.data import augmented_boxes, folder_masks, segmentation_epochs
from keras_cv_course.data.segmentation import first_epoch, for_fit
from keras_cv_course.losses import SegmentationLoss
from keras_cv_course.networks.specs import with_spec
from keras_cv_course.tasks import get_task
from keras_cv_course.tasks.base import Samples

RANGE = (-1.0, 1.0)
CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
VOID = 11


def build(shape: tuple[int, int, int], weights: str | None, alpha: float) -> keras.Model:
    """Returns the network, whose backbone does not learn yet."""
    body = MobileNetV2(shape, alpha=alpha, weights=weights, include_top=False)
    model = UNet(body, len(CLASSES))
    for layer in body.layers:
        layer.trainable = False
    return with_spec(model, task="segment", class_names=CLASSES, resize="stretch")


def unfreeze(model: keras.Model) -> None:
    """Lets all learn but the batch normalization of the backbone."""
    for layer in model.layers:
        backbone = layer.name.startswith(("stem", "stage", "top"))
        layer.trainable = not (backbone and isinstance(layer, keras.layers.BatchNormalization))


def main() -> None:
    """Parses the command line, trains, exports, and prints what model and file reach."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/camvid"), help="folder to write")
    parser.add_argument("--weights", help='of MobileNetV2: a file, or "imagenet"')
    parser.add_argument("--alpha", type=float, default=1.0, help="width of MobileNetV2")
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--epochs", type=int, nargs=2, default=(20, 40), help="decoder, then all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)
    shape = (options.height, options.width, 3)
    splits = {
        name: folder_masks(
            options.data / name, options.data / f"{name}annot", CLASSES, ignore_value=VOID
        )
        for name in ("train", "val")
    }
    pixels = segmentation_epochs(splits["train"], shape, batch_size=8, seed=options.seed)
    steps = ("window", "flip", "colour")
    train = for_fit(augmented_boxes(pixels, steps, options.seed, window_sides=(0.6, 1.0)), RANGE)
    val = first_epoch(for_fit(segmentation_epochs(splits["val"], shape, 8), RANGE))

    model = build(shape, options.weights, options.alpha)
    metric = keras.metrics.MeanIoU(
        len(CLASSES), ignore_class=255, sparse_y_pred=False, name="mean_iou"
    )
    for epochs, rate in zip(options.epochs, (3e-3, 3e-4), strict=True):
        decay = keras.optimizers.schedules.CosineDecay(rate, epochs * train.batches)
        model.compile(keras.optimizers.Adam(decay), SegmentationLoss(), metrics=[metric])
        model.fit(train.passes(), epochs=epochs, validation_data=val, shuffle=False, verbose=2)
        unfreeze(model)
    options.out.mkdir(parents=True, exist_ok=True)
    model.save(options.out / "model.keras")

    typical = next(train.passes().as_numpy_iterator())[0]
    convert(model, options.out / "model_int8.tflite", "int8", calibration_data=typical)
    task, samples = get_task("segment"), Samples("val", splits["val"], CLASSES)
    for name in ("model.keras", "model_int8.tflite"):
        evaluation = task.evaluate(load(options.out / name), samples)
        numbers = ", ".join(f"{key} {value:.3f}" for key, value in evaluation.metrics.items())
        print(f"{name}: {numbers}")
    evaluation.plots["predictions"](options.out / "predictions.png")


if __name__ == "__main__":
    main()
