"""Finds blood cells with SSDLite on MobileNetV2: float, int8, and int8 after fine-tuning in it.

    python examples/detection_bccd.py --data bccd --weights imagenet

The folder has the layout of Pascal VOC with the lists `train` and `val`, as BCCD has it. First the
float network is trained, its best epoch kept; then it is exported to int8 as it is, and once more
after quantization-aware training at a tenth of the rate.
"""

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course import Detector, MobileNetV2, SSDLite, load_model
from keras_cv_course.data import augmented_boxes, detection_batches, voc_annotations, with_targets
from keras_cv_course.metrics.detection_callback import detection_metrics
from keras_cv_course.models.detections import detection_spec
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.tflite import TFLiteDetector, convert
from keras_cv_course.training import create_run
from keras_cv_course.training.detection import compile_detector, target_encoder
from keras_cv_course.training.detection_fit import fit_detector

RANGE = (-1.0, 1.0)
QAT_RATE = 0.1  # of the float training's


def build(options: argparse.Namespace, classes: int) -> keras.Model:
    """Returns SSDLite with anchors for cells of a twelfth of the picture and more."""
    shape = (options.size, options.size, 3)
    body = MobileNetV2(shape, options.alpha, include_top=False, weights=options.weights)
    return SSDLite(body, classes, smallest=0.12, largest=0.8, batch_norm_momentum=0.9)


def main() -> None:
    """Parses the command line, trains twice, exports three files and prints what they reach."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder as of Pascal VOC")
    parser.add_argument("--weights", default=None, help='"imagenet" or a weights file')
    parser.add_argument("--project", default="runs", help="folder of the run folders")
    parser.add_argument("--size", type=int, default=320, help="height and width of the input")
    parser.add_argument("--alpha", type=float, default=1.0, help="width of MobileNetV2")
    parser.add_argument("--epochs", type=int, nargs=2, default=(40, 4), help="float and int8")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)
    train = voc_annotations(options.data, "train")
    val = voc_annotations(options.data, "val", train.class_names)
    model = build(options, len(train.class_names))
    shape = (options.size, options.size, 3)
    batches = detection_batches(train, shape, 8, shuffle=True, seed=options.seed)
    encoder = target_encoder(detection_spec(model))
    targets = with_targets(augmented_boxes(batches, seed=options.seed), encoder, RANGE)
    named = {key: str(value) for key, value in vars(options).items()}
    run = create_run(named, options.project, "bccd", exist_ok=True)
    fit_detector(
        model,
        targets,
        val.samples,
        val.class_names,
        run,
        options.epochs[0],
        options.rate,
        every=5,
        verbose=2,
    )

    best = load_model(run.model, compile=False)
    plain = with_targets(batches, encoder, RANGE).map(lambda images, _: images)
    typical = np.concatenate(list(plain.take(13).as_numpy_iterator()))[:100]
    aware = quantize_aware(best, typical, input_range=RANGE)
    rate = options.rate * QAT_RATE
    tuned = compile_detector(aware, keras.optimizers.Adam(rate))
    freeze = FreezeRanges(options.epochs[1] - 1)
    tuned.fit(targets, epochs=options.epochs[1], callbacks=[freeze], shuffle=False, verbose=2)

    exports: dict[str, tuple[keras.Model, dict[str, Any]]] = {
        "float": (best, {"quantize": "none"}),
        "int8": (best, {"calibration_data": typical}),
        "int8 after fine-tuning": (aware, {}),
    }
    for name, (network, how) in exports.items():
        path = run.path / f"{name.replace(' ', '_')}.tflite"
        detector = Detector(network, val.class_names, score_threshold=0.05)
        convert(detector, path, **how)
        file = TFLiteDetector(path, input_range=RANGE)
        reached = detection_metrics(file.predict, val.samples(), val.class_names)
        size = path.stat().st_size
        print(f"{name}: AP50 {reached['AP50']:.3f}, AP {reached['AP']:.3f}, {size:,} bytes")


if __name__ == "__main__":
    main()
