"""Measures whether the input keeps up with the training step of MobileNetV2 at 224.

    python benchmarks/train_input.py [--data FOLDER]

Images a second through decoding, augmentation and batching, from image files and from shards,
beside what the step consumes of a batch that is in memory already; and the step fed from files and
from shards, where both share the processor. Without `--data` it makes JPEG files of 500 x 375 of
smooth noise. Prints Markdown.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from machine import caption
from PIL import Image

from keras_cv_course import build_model
from keras_cv_course.data import Epochs, augmented, image_folder, sharded, write_shards

SHAPE, RANGE = (224, 224, 3), (-1.0, 1.0)
WIDTH, HEIGHT = 500, 375
BATCH = 32


def make_images(folder: Path, count: int) -> Path:
    """Returns a folder of two classes with JPEG files that are as large as photographs."""
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = rng.integers(0, 256, (HEIGHT // 12, WIDTH // 12, 3), np.uint8)
        image = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        path = folder / f"class{i % 2}" / f"{i:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=90)
    return folder


def sources(folder: Path, scratch: Path) -> dict[str, Epochs]:
    """Returns each way to the images by name."""
    data = image_folder(folder, SHAPE, RANGE, BATCH)
    write_shards(data, scratch, images_per_shard=64)
    ways = {"files": data.epochs, "shards": sharded(scratch, SHAPE, RANGE, BATCH).epochs}
    return ways | {f"{name}, augmented": augmented(epochs) for name, epochs in ways.items()}


def per_second(batches: Iterable[Any], count: int) -> float:
    """Returns images a second over `count` batches, after one to start."""
    iterator = iter(batches)
    next(iterator)
    start = time.perf_counter()
    for _ in range(count):
        next(iterator)
    return count * BATCH / (time.perf_counter() - start)


def trained_per_second(model: keras.Model, batches: tf.data.Dataset, count: int) -> float:
    """Returns images a second that a model trains on, after two steps to start."""
    times: list[float] = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: times.append(time.perf_counter())
    )
    model.fit(batches, steps_per_epoch=count + 2, verbose=0, shuffle=False, callbacks=[note])
    return count * BATCH / (times[-1] - times[1])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of class folders")
    parser.add_argument("--images", type=int, default=400, help="how many to make")
    parser.add_argument("--batches", type=int, default=20, help="of each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        folder = options.data or make_images(root / "images", options.images)
        ways = sources(Path(folder), root / "shards")
        model = build_model("mobilenet_v2", input_shape=SHAPE, classes=10)
        model.compile("sgd", "sparse_categorical_crossentropy")
        batch = np.zeros((BATCH, *SHAPE), np.float32), np.zeros(BATCH, np.int32)
        ready = tf.data.Dataset.from_tensors(batch).repeat()
        step = trained_per_second(model, ready, options.batches)
        print(f"{caption()}\n\nThe step alone: {step:.0f} images a second.\n")
        print("| input | alone, images/s | of the step | the step with it | of the step |")
        print("|---|---|---|---|---|")
        for name, epochs in ways.items():
            alone = per_second(epochs.since(0), options.batches)
            both = trained_per_second(model, epochs.since(0), options.batches)
            row = f"| {name} | {alone:.0f} | {alone / step:.1f} | {both:.0f} | {both / step:.2f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
