"""Measures how well detectors find what they have learned, in float and in int8.

    python benchmarks/detection_accuracy.py bccd penn_fudan --shared ../shared

Detectors on MobileNetV2 with ImageNet weights learn blood cells on BCCD's list `train` and find
them in the images of `val`; people of Penn-Fudan are learned and found in five folds of both
lists. Nothing is chosen by what is held out: the weights are those of the last epoch. From float a
detector goes two ways into int8: as it is, and through quantization-aware training at a tenth of
the rate. All three are .tflite files with suppression inside, on the default kernels. Every file
is a line of `--out` with all that it found; training continues in `--runs` after the epoch where it
was cut off. Without tasks the program only prints the tables.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from detection_tasks import FOLDS, LOSSES, RANGE, TASKS, Task, backbone
from machine import caption

from keras_cv_course import Detector, load_model
from keras_cv_course.data import (
    augmented_boxes,
    calibration_array,
    detection_batches,
    detection_epochs,
    with_targets,
)
from keras_cv_course.data.annotations import Annotations
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.metrics.bootstrap import paired_bootstrap
from keras_cv_course.metrics.coco_ap import coco_average_precision
from keras_cv_course.metrics.voc_ap import voc_average_precision
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.tflite import TFLiteDetector, benchmark, convert
from keras_cv_course.training import Recipe, RunFolder
from keras_cv_course.training.detection import target_encoder
from keras_cv_course.training.detection_fit import fit_detector

QAT_RATE = 0.1  # of the float training's
CALIBRATION = 100
LOWEST_SCORE = 0.01
TIMED_RUNS = 30
WAYS = {
    "float": "float",
    "ptq": "int8 post-training",
    "qat": "int8 quantization-aware",
}
# What makes two trainings different.
KEY = ("task", "model", "size", "epochs", "seed", "fold")


@dataclass(frozen=True)
class Training:
    """A detector's float and quantization-aware training, in a folder from which it continues.

    Attributes:
        key: What it is, see `KEY`.
        rate: Highest learning rate in float.
        shared: Folder of data and weights.
        runs: Folder of trainings.
    """

    key: dict[str, Any]
    rate: float
    shared: Path
    runs: Path

    @property
    def task(self) -> Task:
        """What it learns."""
        return TASKS[self.key["task"]]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the input."""
        return (self.key["size"], self.key["size"], 3)

    @property
    def run(self) -> RunFolder:
        """Where it is kept."""
        names = (
            f"{'-'.join(map(str, v)) if isinstance(v, list) else v}" for v in self.key.values()
        )
        return RunFolder(self.runs / "_".join(names))

    def lists(self) -> tuple[Annotations, Annotations]:
        """Returns what it learns on, and what its average precision is computed on at the end."""
        return lists(self.key["task"], self.shared, self.key["fold"])

    def float_model(self) -> keras.Model:
        """Returns the float network of the last epoch."""
        keras.utils.set_random_seed(self.key["seed"])
        body = backbone(self.shared, self.key["size"])
        model = self.task.models[self.key["model"]](body, self.lists()[0])
        return self._fit(model, self.run, self.key["epochs"][0], self.rate)

    def aware_model(self, model: keras.Model) -> keras.Model:
        """Returns a float network after quantization-aware training."""
        keras.utils.set_random_seed(self.key["seed"])
        aware = quantize_aware(model, self.typical(), input_range=RANGE)
        epochs, stage = self.key["epochs"][1], self.run.quantization_aware()
        return self._fit(aware, stage, epochs, self.rate * QAT_RATE, FreezeRanges(epochs - 1))

    def typical(self) -> np.ndarray:
        """Returns images for calibration."""
        batches = detection_batches(self.lists()[0], self.shape, self.task.batch)
        images = with_targets(batches, lambda boxes, *_: boxes, RANGE).map(lambda x, _: x)
        return calibration_array(images, self.shape, RANGE, CALIBRATION)

    def _fit(
        self, model: keras.Model, run: RunFolder, epochs: int, rate: float, *callbacks: Any
    ) -> keras.Model:
        run.path.mkdir(parents=True, exist_ok=True)
        seed, (train, val) = self.key["seed"], self.lists()
        batches = detection_epochs(train, self.shape, self.task.batch, seed=seed)
        batches = augmented_boxes(batches, seed=seed, window_sides=self.task.window)
        targets = with_targets(batches, target_encoder(detection_spec(model)), RANGE)
        fit_detector(
            model,
            Recipe(epochs=epochs, learning_rate=rate),
            targets,
            val.samples,
            val.class_names,
            run,
            every=epochs,  # No epoch is chosen: the last is the only one that is evaluated.
            verbose=2,
            callbacks=callbacks,
            **LOSSES[self.key["model"]],
        )
        return load_model(run.model, compile=False)


@cache
def lists(task: str, shared: Path, fold: int) -> tuple[Annotations, Annotations]:
    """Returns what is in the images to learn, and in those that are held out."""
    return TASKS[task].lists(shared, fold)


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
    names = training.lists()[0].class_names
    for way, (network, how) in ways.items():
        detector = Detector(network, names, score_threshold=LOWEST_SCORE)
        paths[way] = training.run.path / f"{way}.tflite"
        convert(detector, paths[way], **how)
    return paths


def measure(key: dict[str, Any], options: argparse.Namespace) -> None:
    """Appends a line for each way of a detector, unless they are there."""
    if any(key.items() <= line.items() for line in read(options.out)):
        return
    training = Training(key, options.rate, options.shared, options.runs)
    paths = files(training)
    images = [image for image, _ in training.lists()[1].samples()]
    timings = benchmark(list(paths.values()), runs=TIMED_RUNS).files
    lines = []
    for (way, path), timing in zip(paths.items(), timings, strict=True):
        detections = TFLiteDetector(path, input_range=RANGE).predict(images)
        cost = {"bytes": timing.bytes, "ms": timing.median_ms}
        lines.append({**key, "way": way, **cost, "found": [rounded(one) for one in detections]})
    with options.out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def rounded(detections: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    """Returns detections of an image as JSON can hold them."""
    return {
        "boxes": np.round(detections["boxes"].astype(float), 2).tolist(),
        "scores": np.round(detections["scores"].astype(float), 5).tolist(),
        "classes": detections["classes"].tolist(),
    }


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the lines that are there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(lines: Sequence[dict[str, Any]], task: str, shared: Path) -> Iterator[str]:
    """Yields the rows of a task's table: of each detector its files, and what int8 costs.

    Folds of a detector are one row: mAP50 is the mean over folds, and images are drawn for the
    interval from all of them.
    """
    names = lists(task, shared, 0)[1].class_names
    columns = (
        *("model", "input", "epochs", "seed", "file", "mAP50", "of each fold"),
        *("against float, points", "95 % interval"),
        *(f"AP50 {name}" for name in names),
        *("AP, COCO", "bytes", "ms"),
    )
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    rows: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for line in sorted(lines, key=lambda line: line["fold"]):
        training = json.dumps([line[name] for name in KEY if name != "fold"])
        rows.setdefault(training, {}).setdefault(line["way"], []).append(line)
    for ways in rows.values():
        for way, folds in ways.items():
            own = [lists(task, shared, line["fold"])[1].images for line in folds]
            yield f"| {' | '.join(cells(WAYS[way], folds, ways['float'], own, names))} |"


def cells(
    way: str,
    folds: Sequence[dict[str, Any]],
    of_float: Sequence[dict[str, Any]],
    images: Sequence[Sequence[Any]],
    names: Sequence[str],
) -> Iterator[str]:
    """Yields the cells of a row of the table for the folds of a detector, exported in a way."""
    first = folds[0]
    yield from (first["model"], str(first["size"]), " + ".join(map(str, first["epochs"])))
    yield from (str(first["seed"]), way)
    pairs = list(zip(images, folds, strict=True))
    reached = [voc_average_precision(own, line["found"], names) for own, line in pairs]
    yield f"{np.mean([one['mAP'] for one in reached]):.4f}"
    yield ", ".join(f"{one['mAP']:.3f}" for one in reached) if len(folds) > 1 else ""
    if folds is of_float:
        yield from ("", "")
    else:
        truths = [image for own in images for image in own]
        detections, base = (
            [one for line in some for one in line["found"]] for some in (folds, of_float)
        )
        apart = paired_bootstrap(truths, base, detections, len(names))
        yield from (f"{100 * apart.mean:+.2f}", f"{100 * apart.low:.2f} to {100 * apart.high:.2f}")
    yield from (f"{np.mean([one[name] for one in reached]):.3f}" for name in names)
    precise = [coco_average_precision(own, line["found"], names)["AP"] for own, line in pairs]
    yield from (f"{np.mean(precise):.3f}", f"{first['bytes']:,}", f"{first['ms']:.1f}")


def main() -> None:
    """Parses the command line, measures, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="task", help=f"{', '.join(TASKS)}")
    parser.add_argument("--models", nargs="*", help="some of the detectors; all of a task")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("detection.jsonl"))
    parser.add_argument("--runs", type=Path, default=Path("runs/detection"))
    parser.add_argument("--size", type=int, help="height and width of the input; each task's own")
    parser.add_argument("--epochs", type=int, nargs=2, help="float and int8; each task's own")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate in float")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folds", type=int, nargs="+", default=range(FOLDS), help="some of them")
    options = parser.parse_args()
    if unknown := set(options.tasks) - set(TASKS):
        parser.error(f"there is no task {unknown.pop()!r}; choose from {', '.join(TASKS)}")
    for name in options.tasks:
        task = TASKS[name]
        for model in options.models or task.models:
            epochs = list(options.epochs or task.epochs[model])
            for seed in options.seeds:
                for fold in options.folds if task.folds else [0]:
                    values = (name, model, options.size or task.size, epochs, seed, fold)
                    measure(dict(zip(KEY, values, strict=True)), options)
    print(f"{caption()}\n")
    known = read(options.out)
    for name in dict.fromkeys(line["task"] for line in known):
        own = [line for line in known if line["task"] == name]
        print("\n".join([f"{name}\n", *table(own, name, options.shared), ""]))


if __name__ == "__main__":
    main()
