"""Measures how well unseen people are distinguished, in float and in int8.

    python benchmarks/face_accuracy.py orl lfw --shared ../shared --out faces.jsonl

ORL: five folds of 30 people, of which those of one fold are unseen, all pairs of their images;
the principal components of the projection are of the people that LFW's encoder is trained on.
LFW: the pairs of the official fold 1, none of whom is in training; the training people are 70 of
LFW and 241 of YouTube Faces, whose landmarks put eyes and mouth where they are in LFW's images.
Each encoder is MobileNetV2 with ImageNet weights and a projection set by `fit_projection`, and is
then fine-tuned, if `--epochs` says so. From there it goes two ways into int8: as it is, and through
quantization-aware training. Files run on the default kernels. Every fold is a line of `--out` for
each way, appended when it is done: the same command continues where it was cut off, and without
names of data only prints the table.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from keras_cv_course import MobileNetV2
from keras_cv_course._atomic import replacing
from keras_cv_course._validation import check_choice
from keras_cv_course.data import People, all_pairs, join_people, lfw_pairs, people_folder
from keras_cv_course.faces import (
    FaceEncoder,
    bootstrap_interval,
    face_maps,
    verification_report,
)
from keras_cv_course.faces.projection import frozen_features, set_projection
from keras_cv_course.faces.verification import embed_unit
from keras_cv_course.faces.verification_report import equal_error_rate
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.training import (
    Recipe,
    distorted_copies,
    fit_face_encoder,
    train_only,
)

SHAPE, RANGE = (160, 160, 3), (-1.0, 1.0)
GRID = 5
WEIGHTS = "mobilenet_v2_1.0_224.weights.h5"
FOLDS = 5
DATA = ("orl", "lfw")
LFW_CROP = 0.5  # of 250 pixels: the box of the detector that LFW was made with, and a little more
BLOCK = 300  # images whose features are computed and kept together
TRAINED = ("stage5", "stage6", "projection", "p3_", "p4_", "expanded_")
CALIBRATION = 200
TUNING = Recipe(warmup_epochs=0, flip=True, shift=0.06, turn=0.02, zoom=0.1, colour=True)
WAYS = {
    "float": "float",
    "ptq": "int8 post-training",
    "qat": "int8 quantization-aware",
}
# Of a cropped image, height of the eyes and of the mouth, and half the distance of the eyes.
EYES, MOUTH, HALF_EYES = 0.408, 0.78, 0.168

Embed = Callable[[np.ndarray], Any]


class Task:
    """Pairs of unseen people, and the people to train on.

    Args:
        name: "orl" or "lfw".
        fold: Number of the fold, from 0.
        data: Folder with the data.
    """

    def __init__(self, name: str, fold: int, data: Path) -> None:
        self.name = name
        if name == "orl":
            people = SOURCES["orl"](data)
            unseen = [n for n in people.names if int(n[1:]) % FOLDS == fold]
            self.train = people.select([n for n in people.names if n not in unseen])
            held_out = people.select(unseen)
            self.images = held_out.load(SHAPE, RANGE)
            self.a, self.b, self.same = all_pairs(held_out.labels)
            who = np.array(held_out.names)[held_out.labels]
        else:
            pairs = lfw_pairs(data / "lfw" / "pairs_fold1.txt", data / "lfw" / "fold1")
            self.train = join_people(SOURCES["lfw"](data), SOURCES["youtube"](data))
            files = np.unique(np.concatenate([pairs.files_a, pairs.files_b]))
            people = People(files, np.arange(len(files), dtype=np.int32), tuple(files))
            self.images = people.load(SHAPE, RANGE, LFW_CROP)
            self.a, self.b = (np.searchsorted(files, x) for x in (pairs.files_a, pairs.files_b))
            self.same = pairs.same
            who = np.array([Path(file).parent.name for file in files])
            if set(who) & set(self.train.names):
                raise ValueError("People of fold 1 are among those to train on.")
        self.people = who[self.a], who[self.b]

    def similarity(self, embed: Embed) -> np.ndarray:
        """Returns the cosine of each pair, images mirrored as well."""
        vectors = embed_unit(embed, self.images, mirrored=True)
        return np.sum(vectors[self.a] * vectors[self.b], axis=1)


def cropped_lfw(data: Path) -> People:
    """Returns LFW's people for training, cropped."""
    people = people_folder(data / "lfw" / "train")
    images = people.load(SHAPE, (0.0, 255.0), LFW_CROP)
    return People(np.round(images).astype(np.uint8), people.labels, people.names)


def aligned_youtube(data: Path) -> People:
    """Returns YouTube Faces' people, eyes and mouth where they are in LFW's images."""
    root = data / "youtube_faces_landmarks"
    with (root / "landmarks.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["identity"] for row in rows})
    images = np.stack([aligned(root / "images", row) for row in rows])
    labels = np.array([names.index(row["identity"]) for row in rows], np.int32)
    return People(images, labels, tuple(names))


def aligned(images: Path, row: dict[str, str]) -> np.ndarray:
    """Returns an image turned, scaled and shifted by its landmarks, uint8 of `SHAPE`."""
    points = np.array([[float(row[f"{axis}{i}"]) for axis in "xy"] for i in range(68)])
    left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    across, middle = right - left, (left + right) / 2
    angle = np.arctan2(across[1], across[0])
    down = np.array([-np.sin(angle), np.cos(angle)])
    to_mouth = max((points[[48, 54]].mean(axis=0) - middle) @ down, 1.0)
    side = max(np.hypot(*across) / (2 * HALF_EYES), to_mouth / (MOUTH - EYES))
    centre = middle + down * side * (0.5 - EYES)
    size = SHAPE[0]
    cos, sin = np.cos(angle) * side / size, np.sin(angle) * side / size
    corner = centre - (cos - sin) * size / 2, centre - (cos + sin) * size / 2
    matrix = (cos, -sin, corner[0][0], sin, cos, corner[1][1])
    with Image.open(images / row["file"]) as image:
        turned = image.convert("RGB").transform(
            SHAPE[:2], Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
    return np.asarray(turned)


def grey_half(data: Path) -> People:
    """Returns every second image of LFW's and YouTube Faces' people, in grey."""
    people = join_people(cropped_lfw(data), aligned_youtube(data))
    grey = people.images[1::2].mean(axis=-1, keepdims=True).round().astype(np.uint8)
    rows = people.labels[1::2]
    left = [n for i, n in enumerate(people.names) if i in rows]
    numbers = [left.index(people.names[row]) for row in rows]
    return People(grey, np.array(numbers, np.int32), tuple(left))


SOURCES: dict[str, Callable[[Path], People]] = {
    "orl": lambda data: people_folder(data / "orl_faces"),
    "lfw": cropped_lfw,
    "youtube": aligned_youtube,
    "grey": grey_half,
}


class Features:
    """What the frozen network gives of training images, computed once and kept in files.

    Args:
        encoder: A FaceEncoder.
        options: Of the command line.
    """

    def __init__(self, encoder: keras.Model, options: argparse.Namespace) -> None:
        self.encoder = encoder
        self.data, self.cache = options.shared / "data", options.cache

    def of(self, source: str, copies: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Returns features of images and of distorted copies, and who is on each."""
        people = SOURCES[source](self.data)
        names = np.array(people.names)[people.labels]
        starts = range(0, len(names), BLOCK)
        blocks = [
            self._block(source, people, copy, i) for copy in range(1 + copies) for i in starts
        ]
        return joined(*blocks), np.tile(names, 1 + copies)

    def _block(self, source: str, people: People, copy: int, start: int) -> list[np.ndarray]:
        path = self.cache / f"{source}_{copy}_{start}.npz"
        if not path.exists():
            rows = slice(start, start + BLOCK)
            images = people.images[rows]
            block = People(images, np.arange(len(images)), tuple(map(str, range(len(images)))))
            shown = block.load(SHAPE, RANGE)
            if copy:
                seed = copy + 10 * start
                shown, _ = distorted_copies(block, SHAPE, RANGE, copies=1, seed=seed)
                shown = shown[len(images) :]
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                np.savez(temporary, *frozen_features(self.encoder, shown))
        with np.load(path) as file:
            return [file[name] for name in sorted(file.files)]


def joined(*sets: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the features of several sets of images, for each map together."""
    return [np.concatenate(maps) for maps in zip(*sets, strict=True)]


def projected(task: Task, options: argparse.Namespace) -> keras.Model:
    """Returns an encoder whose projection is set from the training people."""
    backbone = MobileNetV2(SHAPE, include_top=False, weights=options.shared / "weights" / WEIGHTS)
    encoder = FaceEncoder(face_maps(backbone), grid=GRID)
    known = Features(encoder, options)
    copies = options.copies
    if task.name == "orl":
        own, names = known.of("orl", copies)
        kept = np.isin(names, task.train.names)
        own, names = [x[kept] for x in own], names[kept]
        colour = joined(known.of("lfw", 0)[0], known.of("youtube", 0)[0])
        basis = joined([x[::2] for x in colour], known.of("grey", 0)[0])
    else:
        parts = [known.of(source, copies) for source in ("lfw", "youtube")]
        own = basis = joined(*(features for features, _ in parts))
        names = np.concatenate([x for _, x in parts])
    _, labels = np.unique(names, return_inverse=True)
    set_projection(encoder, own, labels, basis, seed=options.seed)
    return encoder


def encoders(task: Task, options: argparse.Namespace) -> Iterator[tuple[str, Embed, int, float]]:
    """Yields each way's name, encoder, bytes and seconds of making it."""
    keras.utils.set_random_seed(options.seed)
    start = time.perf_counter()
    encoder = projected(task, options)
    train_only(encoder, TRAINED)
    if options.epochs:
        recipe = replace(
            TUNING, epochs=options.epochs, learning_rate=options.rate, seed=options.seed
        )
        fit_face_encoder(encoder, task.train, recipe, verbose=2)
    known = task.train.load(SHAPE, RANGE)
    typical = known[np.random.default_rng(0).permutation(len(known))[:CALIBRATION]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.tflite"
        size = convert(encoder, path, "none").size_bytes
        yield "float", TFLiteModel(path), size, time.perf_counter() - start

        start = time.perf_counter()
        size = convert(encoder, path, "int8", "uint8", typical, input_range=RANGE).size_bytes
        yield "ptq", TFLiteModel(path), size, time.perf_counter() - start

        if "qat" not in options.ways:
            return
        start = time.perf_counter()
        aware = quantize_aware(encoder, typical, input_range=RANGE)
        changes = {"epochs": options.int8_epochs, "learning_rate": options.rate / 3}
        recipe = replace(TUNING, **changes, seed=options.seed)
        fit_face_encoder(aware, task.train, recipe, verbose=2)
        size = convert(aware, path, "int8", "uint8").size_bytes
        yield "qat", TFLiteModel(path), size, time.perf_counter() - start


def measure(name: str, fold: int, options: argparse.Namespace) -> None:
    """Appends a line for each way of a fold that is not there yet."""
    key = {"data": name, "fold": fold, "epochs": options.epochs, "seed": options.seed}
    key["copies"] = options.copies
    known = {line["way"] for line in read(options.out) if key.items() <= line.items()}
    if known >= set(options.ways):
        return
    task = Task(name, fold, options.shared / "data")
    for way, embed, size, seconds in encoders(task, options):
        if way in known:
            continue
        similarity = task.similarity(embed)
        pairs = {
            "similarity": np.round(similarity, 5).tolist(),
            "same": task.same.astype(int).tolist(),
            "people": [x.tolist() for x in task.people],
        }
        cost = {"bytes": size, "seconds": round(seconds), "rate": options.rate}
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**key, "way": way, **cost, **pairs}) + "\n")
        report = verification_report(similarity, task.same)
        print(name, fold, way, f"EER {report.eer:.4f}, accuracy {report.accuracy:.4f}", flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the lines that are there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(lines: list[dict[str, Any]]) -> Iterator[str]:
    """Yields the rows of a table: folds together, and each EER."""
    columns = (
        *("data", "copies", "fine-tuned epochs", "way", "EER %, mean of folds", "of each fold"),
        *("EER %, all pairs", "accuracy %", "AUC", "TAR % at FAR 0.1", "at 0.01", "bytes"),
    )
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    fields = ("data", "copies", "epochs", "way")
    runs = dict.fromkeys(tuple(line[field] for field in fields) for line in lines)
    for data, copies, epochs, way in runs:
        key = dict(zip(fields, (data, copies, epochs, way), strict=True))
        folds = [line for line in lines if key.items() <= line.items()]
        rates = [
            100 * equal_error_rate(np.array(x["similarity"]), np.array(x["same"]))[0] for x in folds
        ]
        similarity, same = (np.concatenate([x[k] for x in folds]) for k in ("similarity", "same"))
        a, b = (np.concatenate([x["people"][side] for x in folds]) for side in (0, 1))
        eers = [
            equal_error_rate(similarity, same)[0],
            *bootstrap_interval(_eer, similarity, same, a, b),
        ]
        eer, low, high = (100 * x for x in eers)
        report = verification_report(similarity, same)
        tars = [
            "not measurable" if x.true_accept_rate is None else f"{100 * x.true_accept_rate:.1f}"
            for x in report.accept_rates[:2]
        ]
        cells = (
            *(data, str(copies), str(epochs), WAYS[way], f"{np.mean(rates):.2f}"),
            ", ".join(f"{x:.1f}" for x in rates),
            f"{eer:.2f} ({low:.2f} to {high:.2f})",
            f"{100 * report.accuracy:.2f} ± {100 * report.accuracy_error:.2f}",
            *(f"{report.auc:.4f}", *tars, f"{folds[0]['bytes']:,}"),
        )
        yield f"| {' | '.join(cells)} |"


def _eer(similarity: np.ndarray, same: np.ndarray, weights: np.ndarray) -> float:
    return equal_error_rate(similarity, same, weights)[0]


def main() -> None:
    """Parses the command line, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", help='what to measure: "orl", "lfw"')
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("faces.jsonl"))
    parser.add_argument("--cache", type=Path, default=Path("runs/face_features"), help="folder")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--folds", type=int, nargs="*", default=range(FOLDS), help="of ORL")
    parser.add_argument("--copies", type=int, default=3, help="distorted copies of each image")
    parser.add_argument("--epochs", type=int, default=0, help="of fine-tuning in float")
    parser.add_argument("--int8-epochs", type=int, default=2, help="quantization-aware")
    parser.add_argument("--rate", type=float, default=3e-5, help="learning rate in float")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.data:
        check_choice("data", name, DATA)
        for fold in options.folds if name == "orl" else [0]:
            measure(name, fold, options)
    print("\n".join(table(read(options.out))))


if __name__ == "__main__":
    main()
