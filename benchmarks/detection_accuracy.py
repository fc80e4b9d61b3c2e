"""Measures how well blood cells are found, in float and in int8.

    python benchmarks/detection_accuracy.py --models ssdlite yolo --shared ../shared

BCCD: the detector learns on the pictures of its list `train` and finds cells in those of `val`,
which nothing was chosen by: the weights are those of the last epoch. Each detector stands on
MobileNetV2 with ImageNet weights. From float it goes two ways into int8: as it is, and through
quantization-aware training at a tenth of the rate. All three are .tflite files with suppression
inside, on the default kernels. Every file is a line of `--out` with all that it found; training
goes on in `--runs` after the epoch where it was cut off. Without models the program only prints
the table.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from machine import caption

from keras_cv_course import YOLO, Detector, MobileNetV2, SSDLite, feature_maps, load_model
from keras_cv_course.data import (
    augmented_boxes,
    calibration_array,
    detection_batches,
    detection_epochs,
    voc_annotations,
    with_targets,
)
from keras_cv_course.data.annotations import Annotations
from keras_cv_course.metrics.bootstrap import paired_bootstrap
from keras_cv_course.metrics.coco_ap import coco_average_precision
from keras_cv_course.metrics.voc_ap import voc_average_precision
from keras_cv_course.models.detections import detection_spec
from keras_cv_course.ops.anchor_clustering import cluster_shapes
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.tflite import TFLiteDetector, benchmark, convert
from keras_cv_course.training import RunFolder
from keras_cv_course.training.detection import target_encoder
from keras_cv_course.training.detection_fit import fit_detector

RANGE = (-1.0, 1.0)
WEIGHTS = "mobilenet_v2_1.0_224.weights.h5"
MOMENTUM = 0.9  # Of batch normalization: there are about a thousand steps.
BATCH = 8
QAT_RATE = 0.1  # of the float training's
WINDOW = (0.75, 1.15)  # Cells have one size, and so the windows differ little.
CALIBRATION = 100
LOWEST_SCORE = 0.01
TIMED_RUNS = 30
WAYS = {
    "float": "float",
    "ptq": "int8 post-training",
    "qat": "int8 quantization-aware",
}


def ssdlite(body: keras.Model, train: Annotations) -> keras.Model:
    """Returns SSDLite on the strides 8 to 64, with anchors as small as platelets.

    The backbone ends at stride 16: of its last map, in cells of 32 pixels, red cells would be too
    close together.
    """
    maps = feature_maps(body, ("P4",))
    return SSDLite(
        keras.Model(maps.input, maps.output["P4"], name=body.name),
        len(train.class_names),
        extra_filters=(256, 128),
        smallest=0.07,
        largest=0.4,
        batch_norm_momentum=MOMENTUM,
    )


def yolo(body: keras.Model, train: Annotations) -> keras.Model:
    """Returns YOLOv3 with an anchor for each of its three maps, of the sizes that cells have."""
    shapes, _ = cluster_shapes(train.shapes_px(body.input_shape[1:3]), 3)
    anchors = [[shape] for shape in shapes]
    classes = len(train.class_names)
    return YOLO(body, classes, anchors=anchors, batch_norm_momentum=MOMENTUM)


MODELS: dict[str, tuple[Callable[[keras.Model, Annotations], keras.Model], dict[str, Any]]] = {
    "ssdlite": (ssdlite, {}),
    "yolo": (yolo, {"box_loss": "ciou"}),
}


class Training:
    """A detector's float and quantization-aware training, in a folder that it goes on from.

    Args:
        name: One of `MODELS`.
        train: What it learns on.
        val: What its average precision is computed on after the last epoch.
        options: Of the command line.
    """

    def __init__(
        self, name: str, train: Annotations, val: Annotations, options: argparse.Namespace
    ) -> None:
        self.build, self.loss_options = MODELS[name]
        self.train, self.val, self.options = train, val, options
        self.shape = (options.size, options.size, 3)
        self.run = RunFolder(options.runs / f"{name}_{options.size}_{options.seed}")
        self.run.path.mkdir(parents=True, exist_ok=True)

    def float_model(self) -> keras.Model:
        """Returns the float network of the last epoch."""
        keras.utils.set_random_seed(self.options.seed)
        weights = self.options.shared / "weights" / WEIGHTS
        body = MobileNetV2(
            self.shape, include_top=False, weights=weights, batch_norm_momentum=MOMENTUM
        )
        epochs, rate = self.options.epochs[0], self.options.rate
        return self._fit(self.build(body, self.train), self.run, epochs, rate)

    def aware_model(self, model: keras.Model) -> keras.Model:
        """Returns a float network after quantization-aware training."""
        keras.utils.set_random_seed(self.options.seed)
        aware = quantize_aware(model, self.typical(), input_range=RANGE)
        epochs, rate = self.options.epochs[1], self.options.rate * QAT_RATE
        stage = self.run.quantization_aware()
        return self._fit(aware, stage, epochs, rate, FreezeRanges(epochs - 1))

    def typical(self) -> np.ndarray:
        """Returns pictures for calibration."""
        batches = detection_batches(self.train, self.shape, BATCH)
        pictures = with_targets(batches, lambda boxes, *_: boxes, RANGE).map(lambda x, _: x)
        return calibration_array(pictures, self.shape, RANGE, CALIBRATION)

    def _fit(
        self, model: keras.Model, run: RunFolder, epochs: int, rate: float, *callbacks: Any
    ) -> keras.Model:
        seed = self.options.seed
        batches = detection_epochs(self.train, self.shape, BATCH, seed=seed)
        batches = augmented_boxes(batches, seed=seed, window_sides=WINDOW)
        targets = with_targets(batches, target_encoder(detection_spec(model)), RANGE)
        fit_detector(
            model,
            targets,
            self.val.samples,
            self.val.class_names,
            run,
            epochs,
            rate,
            every=epochs,  # No epoch is chosen: the last is the only one that is evaluated.
            verbose=2,
            callbacks=callbacks,
            **self.loss_options,
        )
        return load_model(run.model, compile=False)


def files(training: Training) -> dict[str, Path]:
    """Returns the .tflite file of each way, made from a trained network."""
    model = training.float_model()
    aware = training.aware_model(model)
    eight = {"quantize": "int8", "io_dtype": "uint8"}
    ways: dict[str, tuple[keras.Model, dict[str, Any]]] = {
        "float": (model, {"quantize": "none"}),
        "ptq": (model, eight | {"calibration_data": training.typical(), "input_range": RANGE}),
        "qat": (aware, eight),
    }
    paths = {}
    for way, (network, how) in ways.items():
        detector = Detector(network, training.val.class_names, score_threshold=LOWEST_SCORE)
        paths[way] = training.run.path / f"{way}.tflite"
        convert(detector, paths[way], **how)
    return paths


def measure(name: str, options: argparse.Namespace) -> None:
    """Appends a line for each way of a detector, unless they are there."""
    epochs, size = list(options.epochs), options.size
    key = {"model": name, "size": size, "epochs": epochs, "seed": options.seed}
    if any(key.items() <= line.items() for line in read(options.out)):
        return
    train, val = lists(options)
    paths = files(Training(name, train, val, options))
    pictures = [picture for picture, _ in val.samples()]
    timings = benchmark(list(paths.values()), runs=TIMED_RUNS).files
    lines = []
    for (way, path), timing in zip(paths.items(), timings, strict=True):
        found = TFLiteDetector(path, input_range=RANGE).predict(pictures)
        cost = {"bytes": timing.bytes, "ms": timing.median_ms}
        lines.append({**key, "way": way, **cost, "found": [rounded(one) for one in found]})
    with options.out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def lists(options: argparse.Namespace) -> tuple[Annotations, Annotations]:
    """Returns what is in the pictures of `train` and `val`."""
    folder = options.shared / "data" / "bccd"
    train = voc_annotations(folder, "train")
    return train, voc_annotations(folder, "val", train.class_names)


def rounded(found: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    """Returns detections of a picture as JSON can hold them."""
    return {
        "boxes": np.round(found["boxes"].astype(float), 2).tolist(),
        "scores": np.round(found["scores"].astype(float), 5).tolist(),
        "classes": found["classes"].tolist(),
    }


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the lines that are there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(lines: Sequence[dict[str, Any]], val: Annotations) -> Iterator[str]:
    """Yields the rows of a table: of each detector its files, and what int8 costs."""
    columns = (
        *("model", "input", "seed", "file", "mAP50", "less than float, points", "95 % interval"),
        *(f"AP50 {name}" for name in val.class_names),
        *("AP, COCO", "bytes", "ms"),
    )
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    fields = ("model", "size", "epochs", "seed")
    base = {}
    for line in lines:
        run = tuple(str(line[field]) for field in fields)
        found = line["found"]
        if line["way"] == "float":
            base[run] = found
        reached = voc_average_precision(val.pictures, found, val.class_names)
        lost = interval = ""
        if line["way"] != "float":
            apart = paired_bootstrap(val.pictures, base[run], found, len(val.class_names))
            lost = f"{-100 * apart.mean:.2f}"
            interval = f"{-100 * apart.high:.2f} to {-100 * apart.low:.2f}"
        cells = (
            *(line["model"], str(line["size"]), str(line["seed"]), WAYS[line["way"]]),
            *(f"{reached['mAP']:.4f}", lost, interval),
            *(f"{reached[name]:.3f}" for name in val.class_names),
            f"{coco_average_precision(val.pictures, found, val.class_names)['AP']:.3f}",
            *(f"{line['bytes']:,}", f"{line['ms']:.1f}"),
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Parses the command line, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", choices=MODELS, default=[], help="to measure")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("bccd.jsonl"))
    parser.add_argument("--runs", type=Path, default=Path("runs/bccd"), help="folder of trainings")
    parser.add_argument("--size", type=int, default=224, help="height and width of the input")
    parser.add_argument("--epochs", type=int, nargs=2, default=(30, 4), help="float and int8")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate in float")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.models:
        measure(name, options)
    print(f"{caption()}\n")
    print("\n".join(table(read(options.out), lists(options)[1])))


if __name__ == "__main__":
    main()
