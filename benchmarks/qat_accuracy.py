"""Measures what int8 costs in accuracy: post-training, and after quantization-aware training.

    python benchmarks/qat_accuracy.py flowers digits cifar10 vww --shared shared --out qat.jsonl

Each network is trained in float, and from there goes three ways: as it is into a calibrated int8
file, through quantization-aware training into another, and some more epochs of float, as many as
the quantization-aware ones. Networks and files end in a softmax, as those of `train` do, or with
`--logits` without. Files are run on the default kernels. Every fold is a line of `--out`, appended
when it is done: the same command continues where it was cut off, and without names of data only
prints the tables. `--shared` has the folders data, weights and models.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from machine import caption
from qat_tables import MARGIN, WAYS, print_accuracy, print_closeness, score
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split

from keras_cv_course import EfficientNet, MobileNet, MobileNetV2, MobileNetV3Small
from keras_cv_course.data import load_images
from keras_cv_course.ops.scaling import Scaling
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.tflite import TFLiteModel, benchmark, convert
from keras_cv_course.tflite.flatbuffer import output_steps

Data = tuple[np.ndarray, np.ndarray]
Split = tuple[np.ndarray, np.ndarray]

PIXELS = (0.0, 255.0)
CALIBRATION = 100
FOLDS = 5
SEEDS = (0, 1, 2)
FIELDS = ("task", "network", "output", "seed", "fold")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: in float, then quantization-aware or as long in float.

    Attributes:
        size_px: Height and width of the images.
        input_range: Smallest and largest pixel value that the network takes.
        epochs: Epochs in float.
        rate: Their first learning rate, which falls to 0 as a cosine does.
        qat_epochs: Epochs after these.
        qat_rate: Their first learning rate.
        freeze_after: Epochs after which ranges stay.
        batch: Images of a step.
        flip: Whether training mirrors half of the images.
        train_norms: Whether batch normalization learns.
        output: What the network gives: "softmax" for probabilities, or "logits".
    """

    size_px: int
    input_range: tuple[float, float]
    epochs: int
    rate: float
    qat_epochs: int
    qat_rate: float
    freeze_after: int
    batch: int = 32
    flip: bool = False
    train_norms: bool = True
    output: str = "softmax"


@dataclass(frozen=True)
class Task:
    """Networks to train on some data.

    Attributes:
        load: Returns images of a size and range, and labels.
        splits: Returns the rows to train and to test with, given labels and seed.
        networks: How to train each, and what builds it.
        head: Returns the classifier's first weights; None for those of the builder.
    """

    load: Callable[[int, tuple[float, float]], Data]
    splits: Callable[[np.ndarray, int], list[Split]]
    networks: Mapping[str, tuple[Recipe, Callable[..., keras.Model]]]
    head: Callable[..., list[np.ndarray]] | None = None


def batches(data: Data, recipe: Recipe, seed: int) -> tf.data.Dataset:
    """Returns shuffled batches to train with."""
    dataset = tf.data.Dataset.from_tensor_slices(data).shuffle(len(data[0]), seed=seed)
    dataset = dataset.batch(recipe.batch)
    if recipe.flip:
        dataset = dataset.map(lambda x, y: (tf.image.random_flip_left_right(x, seed=seed), y))
    return dataset.prefetch(2)


def fit(
    model: keras.Model,
    dataset: tf.data.Dataset,
    epochs: int,
    rate: float,
    output: str,
    *callbacks: Any,
) -> None:
    """Trains a network that gives logits, or probabilities behind a softmax."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(dataset))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=output == "logits")
    model.compile(keras.optimizers.Adam(schedule), loss)
    model.fit(dataset, epochs=epochs, verbose=0, shuffle=False, callbacks=list(callbacks))


def scores_of(model: keras.Model | TFLiteModel, images: np.ndarray) -> np.ndarray:
    """Returns what a network or a file gives for images."""
    options = {"verbose": 0} if isinstance(model, keras.Model) else {}
    return np.asarray(model.predict(images, **options))


def measure(
    model: keras.Model, recipe: Recipe, train: Data, test: Data, seed: int, first: bool
) -> dict[str, Any]:
    """Returns the classes that each way gives to the test images, and what the files are like."""
    dataset = batches(train, recipe, seed)
    if recipe.epochs:
        fit(model, dataset, recipe.epochs, recipe.rate, recipe.output)
    rows = np.random.default_rng(seed).permutation(len(train[0]))[:CALIBRATION]
    samples = train[0][rows]
    classes = {"float": scores_of(model, test[0]).argmax(-1)}
    known = recipe.input_range
    aware = quantize_aware(model, samples, input_range=known)
    freeze = FreezeRanges(recipe.freeze_after)
    fit(aware, dataset, recipe.qat_epochs, recipe.qat_rate, recipe.output, freeze)
    with tempfile.TemporaryDirectory() as folder:
        files = {way: Path(folder) / f"{way}.tflite" for way in ("float", "ptq", "qat")}
        convert(model, files["float"], "none")
        convert(model, files["ptq"], "int8", calibration_data=samples, input_range=known)
        convert(aware, files["qat"])
        for way in ("ptq", "qat"):
            classes[way] = scores_of(TFLiteModel(files[way]), test[0]).argmax(-1)
        record: dict[str, Any] = {
            "bytes": {way: file.stat().st_size for way, file in files.items()}
        }
        if first:
            timings = benchmark(list(files.values()), runs=100).files
            record["ms"] = {way: t.median_ms for way, t in zip(files, timings, strict=True)}
            record["close"] = closeness(aware, files["qat"], test[0])
    fit(model, dataset, recipe.qat_epochs, recipe.qat_rate, recipe.output)
    classes["longer"] = scores_of(model, test[0]).argmax(-1)
    return record | {"classes": {way: indices.tolist() for way, indices in classes.items()}}


def closeness(aware: keras.Model, file: Path, images: np.ndarray) -> dict[str, Any]:
    """Returns how far a file's scores are from those of the model that it was made from."""
    scores = scores_of(aware, images)
    (step,) = output_steps(file.read_bytes())
    second, best = np.sort(scores, axis=-1)[:, -2:].T
    clear = (best - second) / step > MARGIN
    report = {}
    for kernels in ("default", "reference"):
        outputs = scores_of(TFLiteModel(file, kernels=kernels), images)
        away = np.abs(outputs - scores) / step
        flipped = outputs.argmax(-1) != scores.argmax(-1)
        report[kernels] = {
            "median": float(np.median(away)),
            "worst": float(away.max()),
            "images": len(images),
            "flipped": int(flipped.sum()),
            "clear": int(clear.sum()),
            "clear_flipped": int((clear & flipped).sum()),
        }
    return report


def folds(labels: np.ndarray, seed: int) -> list[Split]:
    """Returns the rows to train and to test with of each fold."""
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(labels, labels))


def fifth(labels: np.ndarray, seed: int) -> list[Split]:
    """Returns one split, a fifth of it to test with."""
    rows = np.arange(len(labels))
    return [tuple(train_test_split(rows, test_size=0.2, random_state=seed, stratify=labels))]


def last_thousand(labels: np.ndarray, seed: int) -> list[Split]:
    """Returns one split, the last 1000 rows to test with, whatever the seed."""
    rows = np.arange(len(labels))
    return [(rows[:-1000], rows[-1000:])]


def rescaled(pixels: np.ndarray, input_range: tuple[float, float]) -> np.ndarray:
    """Returns pixel values of 0 to 255 in another range."""
    low, high = input_range
    return (pixels / 255 * (high - low) + low).astype(np.float32)


@cache
def folders(
    parents: tuple[Path, ...], size_px: int, input_range: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images in folders with a folder for each class."""
    names = sorted(path.name for path in parents[0].iterdir() if path.is_dir())
    paths = [path for p in parents for name in names for path in sorted((p / name).glob("*.jpg"))]
    images = load_images(paths, (size_px, size_px, 3), input_range)
    return images, np.array([names.index(path.parent.name) for path in paths])


def handwritten(size_px: int, input_range: tuple[float, float]) -> Data:
    """Returns scikit-learn's digits, enlarged from 8 x 8 pixels."""
    source = load_digits()
    large = tf.image.resize(source.images[..., None] * (255 / 16), (size_px, size_px))
    return rescaled(np.repeat(large, 3, axis=-1), input_range), source.target


def cifar10(folder: Path, size_px: int, input_range: tuple[float, float]) -> Data:
    """Returns the images to train with, then those to test with."""
    kinds = {"image/encoded": tf.string, "image/class/label": tf.int64}
    spec = {name: tf.io.FixedLenFeature([], kind) for name, kind in kinds.items()}
    rows = [
        tf.io.parse_single_example(row, spec)
        for name in ("train", "test")
        for row in tf.data.TFRecordDataset(str(folder / f"{name}.tfrecord"))
    ]
    pixels = np.stack([tf.io.decode_jpeg(row["image/encoded"], 3) for row in rows])
    return rescaled(pixels, input_range), np.array([int(row["image/class/label"]) for row in rows])


@cache
def _features(weights: Path, size_px: int, mirrored: bool, load: Any, input_range: Any) -> Any:
    images, _ = load(size_px, input_range)
    model = MobileNetV2((size_px, size_px, 3), include_top=False, weights=weights, pooling="avg")
    return model.predict(images[:, :, ::-1] if mirrored else images, verbose=0)


def flowers_head(
    weights: Path, load: Any, recipe: Recipe, labels: np.ndarray, train: np.ndarray, seed: int
) -> list[np.ndarray]:
    """Returns the classifier of frozen ImageNet features, of images and their mirror images."""
    features = [
        _features(weights, recipe.size_px, mirrored, load, recipe.input_range)[train]
        for mirrored in (False, True)
    ]
    head = keras.Sequential([keras.layers.Dense(int(labels.max()) + 1)])
    data = np.concatenate(features), np.tile(labels[train], 2)
    dataset = tf.data.Dataset.from_tensor_slices(data).shuffle(2000, seed).batch(64)
    fit(head, dataset, 40, 3e-3, "logits")
    return head.get_weights()


def tasks(shared: Path, output: str) -> dict[str, Task]:
    """Returns what there is to measure."""
    data, signed = shared / "data", (-1.0, 1.0)
    imagenet = shared / "weights" / "mobilenet_v2_1.0_224.weights.h5"
    person = shared / "models" / "mlperf_tiny_vww_96.h5"
    parents = tuple(data / "flowers17" / name for name in ("train", "val"))
    flowers, persons = partial(folders, parents), partial(folders, (data / "person_coco",))
    flowers_first = partial(flowers_head, imagenet, flowers)
    tune = Recipe(96, signed, 4, 1e-4, 2, 5e-5, 1, flip=True, train_norms=False, output=output)
    digit = Recipe(32, PIXELS, 20, 2e-3, 3, 2e-4, 2, batch=64, output=output)
    tiny = Recipe(32, PIXELS, 10, 2e-3, 3, 2e-4, 2, batch=64, flip=True, output=output)
    narrow: dict[str, Any] = {"classes": 10, "batch_norm_momentum": 0.9}
    small, large = (32, 32, 3), (96, 96, 3)
    v3 = partial(MobileNetV3Small, small, alpha=0.5, **narrow)
    efficient = partial(EfficientNet, small, Scaling(1.0, 0.35, 1.0), **narrow)
    v2 = partial(MobileNetV2, large, weights=imagenet, classes=17)
    v1 = partial(MobileNet, large, 0.25, activation="relu", weights=person, classes=2)
    names = {"MobileNetV3Small 0.5": v3, "EfficientNetB0 0.35": efficient}
    digit_nets, cifar_nets = ({n: (r, net) for n, net in names.items()} for r in (digit, tiny))
    ready = Recipe(96, (0.0, 1.0), 0, 0.0, 1, 1e-4, 0, flip=True, output=output)
    return {
        "flowers": Task(flowers, folds, {"MobileNetV2 1.0": (tune, v2)}, flowers_first),
        "digits": Task(handwritten, fifth, digit_nets),
        "cifar10": Task(partial(cifar10, data / "cifar10"), last_thousand, cifar_nets),
        "vww": Task(persons, folds, {"MLPerf Tiny VWW": (ready, v1)}),
    }


def start(task: Task, network: str, train: np.ndarray, seed: int) -> keras.Model:
    """Returns a network with the weights that it is trained from."""
    recipe, build = task.networks[network]
    model = build(classifier_activation=None if recipe.output == "logits" else recipe.output)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = recipe.train_norms
    if task.head is not None:
        _, labels = task.load(recipe.size_px, recipe.input_range)
        model.get_layer("logits").set_weights(task.head(recipe, labels, train, seed))
    return model


def measure_all(name: str, task: Task, seeds: Sequence[int], out: Path) -> None:
    """Appends the records of a task that are not in the file yet."""
    done = [{field: record[field] for field in FIELDS} for record in read(out)]
    for network, (recipe, _) in task.networks.items():
        images, labels = task.load(recipe.size_px, recipe.input_range)
        splits = [(seed, *pair) for seed in seeds for pair in enumerate(task.splits(labels, seed))]
        for seed, fold, (train, test) in splits:
            values = (name, network, recipe.output, seed, fold)
            record: dict[str, Any] = dict(zip(FIELDS, values, strict=True))
            if record in done:
                continue
            began = time.perf_counter()
            keras.utils.clear_session()
            keras.utils.set_random_seed(seed * FOLDS + fold)
            model = start(task, network, train, seed)
            fit_data, test_data = ((images[rows], labels[rows]) for rows in (train, test))
            record |= measure(model, recipe, fit_data, test_data, seed, fold == 0)
            record |= {"labels": labels[test].tolist(), "seconds": time.perf_counter() - began}
            with out.open("a") as file:
                file.write(json.dumps(record) + "\n")
            right = {way: score([record], way)[0] for way in WAYS}
            print(*(record[f] for f in FIELDS), right, "of", len(test), flush=True)


def read(out: Path) -> list[dict[str, Any]]:
    """Returns the records of a file, if there is one."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def main() -> None:
    """Measures what is asked for, and prints the tables of all there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ("flowers", "digits", "cifar10", "vww")
    parser.add_argument("tasks", nargs="*", metavar="task", help=", ".join(names))
    parser.add_argument("--shared", type=Path, help="folder with data, weights and models")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines to add to")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--logits", action="store_true", help="networks without a softmax")
    options = parser.parse_args()
    if options.tasks and options.shared is None:
        parser.error("--shared must be given to measure")
    for name in options.tasks:
        task = tasks(options.shared, "logits" if options.logits else "softmax")[name]
        measure_all(name, task, options.seeds, options.out)
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for record in read(options.out):
        key = (record["task"], record["network"], record["output"])
        groups.setdefault(key, []).append(record)
    print(f"{caption()}\n")
    print_accuracy(groups)
    print_closeness(groups)


if __name__ == "__main__":
    main()
