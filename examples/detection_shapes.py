"""Trains a small SSDLite to find drawn shapes, and exports it with suppression inside.

    python examples/detection_shapes.py

The scenes are drawn, with exact boxes: nothing is downloaded. The folder then holds the model,
a float and an int8 file, and held-out scenes with what was found in them.
"""

import argparse
from pathlib import Path

import keras

from keras_cv_course import Detector, MobileNetV2, SSDLite, feature_maps
from keras_cv_course.data import (
    DrawnScenes,
    augmented_boxes,
    calibration_array,
    detection_batches,
    with_targets,
)
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.metrics.detection_callback import detection_metrics
from keras_cv_course.predictors.drawing import draw_detections, mosaic, png
from keras_cv_course.tflite import TFLiteDetector, convert
from keras_cv_course.training.detection import compile_detector, target_encoder

SHAPE = (128, 128, 3)
BATCH = 8
RANGE = (-1.0, 1.0)


def build(classes: int) -> keras.Model:
    """Returns an SSDLite on the first five stages of a narrow MobileNetV2.

    Images are small, and so are the shapes: an eighth to two fifths of their side. The whole
    network would see them on a map of 4 x 4.
    """
    body = MobileNetV2(SHAPE, alpha=0.35, batch_norm_momentum=0.9, include_top=False)
    maps = feature_maps(body, ("P4",))
    body = keras.Model(maps.input, maps.output["P4"], name=body.name)
    return SSDLite(
        body,
        classes,
        extra_filters=(128,),
        smallest=0.12,
        largest=0.4,
        batch_norm_momentum=0.9,
    )


def main() -> None:
    """Parses the command line, trains, exports, and prints what each file finds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/shapes"), help="folder to write")
    parser.add_argument("--scenes", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)
    train = DrawnScenes(options.scenes, SHAPE[:2], seed=2 * options.seed)
    val = DrawnScenes(100, SHAPE[:2], seed=2 * options.seed + 1)
    model = build(len(train.class_names))
    batches = detection_batches(train, SHAPE, BATCH, max_boxes=8, shuffle=True, seed=options.seed)
    batches = augmented_boxes(batches, ("flip",), seed=options.seed)
    targets = with_targets(batches, target_encoder(detection_spec(model)), RANGE)

    # The rate rises over the first epoch, and falls along half a cosine over the others.
    steps = len(targets)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(steps * (options.epochs - 1), 1), warmup_target=options.rate, warmup_steps=steps
    )
    trained = compile_detector(model, keras.optimizers.Adam(rate))
    trained.fit(targets, epochs=options.epochs, shuffle=False, verbose=2)
    options.out.mkdir(parents=True, exist_ok=True)
    model.save(options.out / "model.keras")

    detector = Detector(model, val.class_names, score_threshold=0.05)
    finders: dict[str, Detector | TFLiteDetector] = {"model.keras": detector}
    calibration_data = calibration_array(targets.map(lambda images, _: images), SHAPE, RANGE, 100)
    for quantize, io_dtype in (("none", "float32"), ("int8", "uint8")):
        path = options.out / f"model_{quantize}.tflite"
        typical = calibration_data if quantize == "int8" else None
        convert(detector, path, quantize, io_dtype, typical)
        finders[path.name] = TFLiteDetector(path, input_range=RANGE)
    for name, finder in finders.items():
        reached = detection_metrics(finder.predict, val.samples(), val.class_names)
        print(f"{name}: AP50 {reached['AP50']:.3f}, AP {reached['AP']:.3f}")

    shown = [image for image, _ in val.samples()][:9]
    sure = Detector(model, val.class_names, score_threshold=0.5)
    drawn = [
        draw_detections(image, boxes, val.class_names)
        for image, boxes in zip(shown, sure.predict(shown), strict=True)
    ]
    (options.out / "found.png").write_bytes(png(mosaic(drawn, columns=3)))


if __name__ == "__main__":
    main()
