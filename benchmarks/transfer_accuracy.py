"""Measures the ways of transfer and the tricks of training on small sets of real images.

    python benchmarks/transfer_accuracy.py folds flowers pets person --shared shared --out t.jsonl

`folds` compares linear classifiers on features of several depths by three times five folds inside
the training images of flowers17, and `tuned-folds` and `tuned-folds-128` ways of going on from
there; what they choose is then in `CHOSEN`. The others train on the training images and count on
`val`, `person` on seeded folds, and `digits`, which needs no `--shared`, on what is held out. Every
training is a line of `--out`, appended when it is done: the same command goes on where it was cut
off, in the runs beside the file, and without names only prints the tables. `--shared` has the
folders data and weights.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from machine import caption
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_cv_course import MobileNet, MobileNetV2
from keras_cv_course.data import Epochs, as_arrays, digits, load_images
from keras_cv_course.data.epochs import shuffled
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.training.feature_depths import depth_features
from keras_cv_course.training.fitting import fit
from keras_cv_course.training.linear_probe import fit_linear_probe
from keras_cv_course.training.named_recipes import NAMED
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.run_folder import RunFolder
from keras_cv_course.training.transfer_learning import TransferPolicy, freeze, transfer

Data = tuple[np.ndarray, np.ndarray]
# From folder of data and weights, folder for runs, way and seed to its record.
Measure = Callable[[Path, Path, str, int], dict[str, Any]]
RANGE = (-1.0, 1.0)
BATCH = 32
SEEDS = (0, 1, 2)
FOLDS = 5
STRENGTHS = (0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Features:
    """What a linear classifier looks at: some stages, and the classifier's own features."""

    stages: int
    top: bool

    def __str__(self) -> str:
        """Returns a name for tables."""
        parts = [f"the last {self.stages} stages"] if self.stages else []
        return " and ".join([*parts, *(["the classifier's features"] if self.top else [])])


HEAD = Features(0, top=True)
COMPARED = (HEAD, *(Features(n, top) for n in (3, 5) for top in (True, False)))
# What the folds have chosen: of the highest mean.
CHOSEN, STRENGTH = Features(3, top=False), 0.3
HEAD_STRENGTH = 0.03
PHOTOGRAPHS = Recipe(
    epochs=6, learning_rate=1e-4, flip=True, turn=0.05, zoom=0.2, label_smoothing=0.1, ema=0.9
)
FASTER = replace(PHOTOGRAPHS, learning_rate=3e-4)
SCRATCH = replace(PHOTOGRAPHS, epochs=20, learning_rate=3e-3)
LAST = TransferPolicy(learning_groups=6)
ALL = TransferPolicy(learning_groups=None)
PERSON = Recipe(epochs=30, learning_rate=1e-3, flip=True, shift=0.1, zoom=0.2, ema=0.95)


def load(root: Path, split: str, size: int) -> Data:
    """Returns the images of a folder of class folders, and their class numbers."""
    files = sorted((root / split).rglob("*.jpg"))
    names = sorted({file.parent.name for file in files})
    labels = np.array([names.index(file.parent.name) for file in files])
    return load_images(files, (size, size, 3), RANGE), labels


def load_pets(root: Path, split: str, size: int) -> Data:
    """Returns the images of a split of oxford_pets_3, and the numbers of their breeds."""
    with (root / "list.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["breed"] for row in rows})
    rows = [row for row in rows if row["split"] == split]
    files = [root / "images" / f"{row['id']}.jpg" for row in rows]
    labels = np.array([names.index(row["breed"]) for row in rows])
    return load_images(files, (size, size, 3), RANGE), labels


def batches(data: Data) -> tf.data.Dataset:
    """Returns the images in batches."""
    return tf.data.Dataset.from_tensor_slices(data).batch(BATCH)


def epochs(data: Data, seed: int) -> Epochs:
    """Returns the images in batches, in another order in every epoch."""
    images, labels = (tf.constant(part) for part in data)

    def at(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = tf.data.Dataset.from_tensor_slices(shuffled(len(data[0]), seed, epoch))
        return rows.batch(BATCH).map(lambda r: (tf.gather(images, r), tf.gather(labels, r)))

    return Epochs(at, -(-len(data[0]) // BATCH))


def train_in(folder: Path, model: keras.Model, recipe: Recipe, data: Data) -> keras.Model:
    """Returns a model trained to its last epoch, going on with what the folder holds of it."""
    run = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # No epoch is chosen, so that it does not matter which images a run is watched on.
    watched = batches((data[0][:BATCH], data[1][:BATCH]))
    fit(model, recipe, epochs(data, recipe.seed), watched, RANGE, verbose=2, run=run)
    return model


def right(model: Any, data: Data) -> int:
    """Returns how many images a model, or a file, gives the right class."""
    options = {"verbose": 0} if isinstance(model, keras.Model) else {}
    return int(np.sum(np.argmax(model.predict(data[0], **options), -1) == data[1]))


def imagenet(shared: Path, size: int) -> keras.Model:
    """Returns MobileNetV2 with ImageNet's weights, for images of a size."""
    weights = shared / "weights" / "mobilenet_v2_1.0_224.weights.h5"
    return MobileNetV2((size, size, 3), weights=weights)


def compare_folds(shared: Path, done: set[str]) -> Iterator[dict[str, Any]]:
    """Yields what linear classifiers on some depths reach in three times five folds of flowers.

    Args:
        shared: Folder with data and weights.
        done: Which are known.
    """
    images, labels = load(shared / "data" / "flowers17", "train", 224)
    network = imagenet(shared, 224)
    for compared in COMPARED:
        ways = {strength: f"{compared}, C {strength:g}" for strength in STRENGTHS}
        if done.issuperset(ways.values()):
            continue
        features = depth_features(network, compared.stages, compared.top)
        plain, flipped = (
            features.predict(x, verbose=0, batch_size=32) for x in (images, images[:, :, ::-1])
        )
        for strength, way in ways.items():
            if way in done:
                continue
            hits = [folds_right(plain, flipped, labels, strength, seed) for seed in SEEDS]
            yield {"way": way, "seed": -1, "right": hits, "of": len(labels)}


def folds_right(
    plain: np.ndarray, flipped: np.ndarray, labels: np.ndarray, strength: float, seed: int
) -> int:
    """Returns how many images a linear classifier has right that learned from other folds."""
    hits = 0
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in splitter.split(labels, labels):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        probe.fit(np.concatenate([plain[train], flipped[train]]), np.tile(labels[train], 2))
        hits += int(np.sum(probe.predict(plain[test]) == labels[test]))
    return hits


# From folder of data and weights, folder of the run, images and seed.
Way = Callable[[Path, Path, Data, int], keras.Model]


def linear(features: Features, strength: float) -> Way:
    """Returns a way that fits a linear classifier on features of ImageNet's network."""

    def train(shared: Path, folder: Path, data: Data, seed: int) -> keras.Model:
        network = imagenet(shared, data[0].shape[1])
        classes = int(data[1].max()) + 1
        stages, top = features.stages, features.top
        return fit_linear_probe(network, batches(data), classes, stages, top, strength, flip=True)

    return train


def then(first: Way, policy: TransferPolicy, recipe: Recipe = PHOTOGRAPHS) -> Way:
    """Returns a way that then trains some layers together with the classifier."""

    def train(shared: Path, folder: Path, data: Data, seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        model = freeze(first(shared, folder, data, seed), policy)
        return train_in(folder, model, replace(recipe, seed=seed), data)

    return train


def scratch(shared: Path, folder: Path, data: Data, seed: int) -> keras.Model:
    """Trains a network whose weights are fresh."""
    keras.utils.set_random_seed(seed)
    classes = int(data[1].max()) + 1
    model = MobileNetV2(data[0].shape[1:], classes=classes, batch_norm_momentum=0.9)
    return train_in(folder, model, replace(SCRATCH, seed=seed), data)


LINEAR = {
    "classifier alone": linear(HEAD, HEAD_STRENGTH),
    f"linear on {CHOSEN}": linear(CHOSEN, STRENGTH),
}
TUNED = {
    f"linear on {CHOSEN}, then the last 6 groups": then(linear(CHOSEN, STRENGTH), LAST),
    f"linear on {CHOSEN}, then all": then(linear(CHOSEN, STRENGTH), ALL),
    f"linear on {CHOSEN}, then all at 3e-4": then(linear(CHOSEN, STRENGTH), ALL, FASTER),
}
WAYS: dict[str, Way] = {
    **LINEAR,
    "classifier, then the last 6 groups": then(linear(HEAD, HEAD_STRENGTH), LAST),
    **TUNED,
    "classifier, then all": then(linear(HEAD, HEAD_STRENGTH), ALL),
    "all from scratch": scratch,
    **{
        f"classifier, then all, {name}": then(linear(HEAD, HEAD_STRENGTH), ALL, recipe)
        for name, recipe in {
            "without smoothing": replace(PHOTOGRAPHS, label_smoothing=0.0),
            "with mixup": replace(PHOTOGRAPHS, mixup=0.2),
            "with RandAugment": replace(PHOTOGRAPHS, rand_augment=2),
        }.items()
    },
}


def measure_split(loader: Callable[[Path, str, int], Data], folder: str, size: int) -> Measure:
    """Returns a function that trains in a way, and counts what is right on `val`."""

    def run(shared: Path, out: Path, way: str, seed: int) -> dict[str, Any]:
        root = shared / "data" / folder
        started = out / f"{folder}-{size}-{list(WAYS).index(way)}-{seed}"
        model = WAYS[way](shared, started, loader(root, "train", size), seed)
        val = loader(root, "val", size)
        return {"right": right(model, val), "of": len(val[1])}

    return run


def measure_inside(size: int) -> Measure:
    """Returns a function that counts training images of flowers that other folds learned."""

    def run(shared: Path, out: Path, way: str, seed: int) -> dict[str, Any]:
        images, labels = load(shared / "data" / "flowers17", "train", size)
        hits = 0
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        for fold, (rows, test) in enumerate(splitter.split(labels, labels)):
            started = out / f"folds-{size}-{list(TUNED).index(way)}-{seed}-{fold}"
            model = TUNED[way](shared, started, (images[rows], labels[rows]), seed)
            hits += right(model, (images[test], labels[test]))
        return {"right": hits, "of": len(labels)}

    return run


@cache
def persons(shared: Path) -> Data:
    """Returns all images of person_coco at 96 px, and whether a person is on them."""
    root = shared / "data" / "person_coco"
    with (root / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    images = load_images([root / row["file"] for row in rows], (96, 96, 3), RANGE)
    return images, np.array([int(row["person"]) for row in rows])


def measure_person(shared: Path, out: Path, way: str, seed: int) -> dict[str, Any]:
    """Returns how many images are right over five folds, in float and in int8."""
    images, labels = persons(shared)
    hits, hits8, size = 0, 0, 0
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for rows, test in splitter.split(labels, labels):
        data, held_out = (images[rows], labels[rows]), (images[test], labels[test])
        keras.utils.set_random_seed(seed)
        pretrained = way != "from scratch"
        weights = shared / "weights" / "mobilenet_v1_0.25_128.weights.h5" if pretrained else None
        source = MobileNet((96, 96, 3), 0.25, weights=weights, batch_norm_momentum=0.9)
        model = transfer(source, 2, TransferPolicy(None, train_batch_norm=not pretrained))
        fit(model, replace(PERSON, seed=seed), epochs(data, seed), verbose=0)
        hits += right(model, held_out)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "m.tflite"
            convert(model, file, "int8", "int8", images[rows[:100]], input_range=RANGE)
            hits8 += right(TFLiteModel(file), held_out)
            size = file.stat().st_size
    return {"right": hits, "int8": hits8, "of": len(labels), "bytes": size}


def measure_digits(shared: Path, out: Path, way: str, seed: int) -> dict[str, Any]:
    """Returns how many of the digits held out are right by a named recipe."""
    named = NAMED[way]
    keras.utils.set_random_seed(seed)
    data = digits(named.options["input_shape"], named.input_range, named.batch, seed)
    model = named.build()
    fit(model, replace(named.recipe, seed=seed), data.epochs, verbose=0)
    images, labels = as_arrays(data.test)
    return {"right": right(model, (images, labels)), "of": len(labels)}


TASKS: dict[str, tuple[Measure, tuple[str, ...]]] = {
    "tuned-folds": (measure_inside(224), tuple(TUNED)),
    "tuned-folds-128": (measure_inside(128), tuple(TUNED)),
    "flowers": (measure_split(load, "flowers17", 224), tuple(WAYS)),
    "flowers-128": (measure_split(load, "flowers17", 128), tuple(WAYS)),
    "pets": (measure_split(load_pets, "oxford_pets_3", 224), tuple(LINEAR)),
    "person": (measure_person, ("from ImageNet", "from scratch")),
    "digits": (measure_digits, tuple(NAMED)),
}


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the lines that are whole."""
    text = path.read_text("utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def append(path: Path, record: dict[str, Any]) -> None:
    """Adds a line, and prints it."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    print(record, flush=True)


def measure(options: argparse.Namespace, task: str) -> None:
    """Trains whatever of a task is not in the file yet, seed by seed."""
    function, names = TASKS[task]
    done = {(record["task"], record["way"], record["seed"]) for record in read(options.out)}
    for seed in options.seeds:
        for way in options.only or names:
            fixed = way in LINEAR  # The same whatever the seed.
            if (task, way, seed) in done or (fixed and seed):
                continue
            start = time.monotonic()
            record = function(options.shared, options.out.with_suffix(""), way, seed)
            seconds = round(time.monotonic() - start, 1)
            append(
                options.out, {"task": task, "way": way, "seed": seed, **record, "seconds": seconds}
            )


def print_tables(records: list[dict[str, Any]]) -> None:
    """Prints accuracy by task and way: the mean, each seed, and the time."""
    print(f"{caption()}\n\n| data | way | accuracy | of each seed | int8 | s |\n|" + "---|" * 6)
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["task"], record["way"]), []).append(record)
    for (task, way), own in groups.items():
        hits = np.concatenate([np.atleast_1d(record["right"]) for record in own])
        shares = 100 * hits / own[0]["of"]
        int8 = [100 * record["int8"] / record["of"] for record in own if "int8" in record]
        seconds = [record["seconds"] for record in own if "seconds" in record]
        print(
            f"| {task} | {way} | {shares.mean():.2f} | {', '.join(f'{s:.2f}' for s in shares)} "
            f"| {', '.join(f'{s:.2f}' for s in int8)} | {max(seconds, default=0):.0f} |"
        )


def main() -> None:
    """Measures what is asked for, and prints the tables of all there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="task", help=f"folds, {', '.join(TASKS)}")
    parser.add_argument("--shared", type=Path, help="folder with data and weights")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines to add to")
    parser.add_argument("--only", nargs="*", help="some ways of the tasks")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    options = parser.parse_args()
    if set(options.tasks) - {"digits"} and options.shared is None:
        parser.error("--shared must be given to measure these")
    for task in options.tasks:
        if task != "folds":
            measure(options, task)
            continue
        done = {record["way"] for record in read(options.out) if record["task"] == "folds"}
        for record in compare_folds(options.shared, done):
            append(options.out, {"task": "folds", **record})
    print_tables(read(options.out))


if __name__ == "__main__":
    main()
