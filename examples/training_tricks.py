"""Measures what cosine decay, label smoothing and mixup gain on top of one another.

    python examples/training_tricks.py --epochs 30 --out runs/tricks

First the network must learn a few images by heart, and a range test shows the learning rates.
Then recipes that differ in one trick are trained with each seed, as in table 6 of the Bag of
Tricks (arXiv:1812.01187). The results are added to `tricks.jsonl` as they come, so that the same
command continues after an interruption. `--cifar10` is a folder with `train.tfrecord` and
`test.tfrecord`; without it the network learns handwritten digits.
"""

import argparse
from functools import cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course import MobileNet
from keras_cv_course.data import as_arrays, digits
from keras_cv_course.training import (
    Recipe,
    ablate,
    ablation_table,
    compile_classifier,
    cumulative,
    find_learning_rate,
    fit,
    overfit_small_batch,
    plot_ablation,
    plot_rates,
)
from keras_cv_course.training.ablation import BAG_OF_TRICKS

SHAPE = (32, 32, 3)
BATCH = 64
Data = tuple[np.ndarray, np.ndarray]


@cache
def load(cifar10: Path | None, split: str) -> Data:
    """Returns the images in [-1, 1] and the class numbers of the split "train" or "test"."""
    if cifar10 is None:
        data = digits(SHAPE, (-1.0, 1.0), BATCH)
        return as_arrays(data.train if split == "train" else data.test or data.val)
    features = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    }
    images, labels = [], []
    for record in tf.data.TFRecordDataset(str(cifar10 / f"{split}.tfrecord")):
        example = tf.io.parse_single_example(record, features)
        images.append(tf.io.decode_jpeg(example["image/encoded"], 3).numpy())
        labels.append(int(example["image/class/label"]))
    return (np.stack(images) / 127.5 - 1).astype(np.float32), np.array(labels)


def batches(data: Data, seed: int) -> tf.data.Dataset:
    """Returns shuffled batches."""
    dataset = tf.data.Dataset.from_tensor_slices(data).shuffle(len(data[0]), seed=seed)
    return dataset.batch(BATCH)


def build(seed: int) -> keras.Model:
    """Returns a fresh network of 0.5 million parameters."""
    keras.utils.set_random_seed(seed)
    return MobileNet(SHAPE, alpha=0.35, dropout_rate=0.0, classes=10, batch_norm_momentum=0.9)


def main() -> None:
    """Parses the command line, checks the network, trains, prints the table and plots it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cifar10", type=Path, help="folder of TFRecords; digits without it")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--out", type=Path, default=Path("runs/tricks"), help="folder to write")
    options = parser.parse_args()
    train, test = load(options.cifar10, "train"), load(options.cifar10, "test")
    base = Recipe(
        epochs=options.epochs,
        optimizer="sgd",
        learning_rate=0.05,
        schedule="step",
        warmup_epochs=options.epochs / 24,
        decay_epochs=tuple(options.epochs * share for share in (0.25, 0.5, 0.75)),
        weight_decay=5e-4,
        flip=options.cifar10 is not None,
        shift=0.1,
    )

    def run(recipe: Recipe) -> float:
        model = build(recipe.seed)
        fit(model, recipe, batches(train, recipe.seed), verbose=0)
        return float(np.mean(model.predict(test[0], verbose=0).argmax(-1) == test[1]))

    print(overfit_small_batch(build(0), train[0][:8], train[1][:8]))
    model = build(0)
    compile_classifier(model, base, 100)
    options.out.mkdir(parents=True, exist_ok=True)
    plot_rates(find_learning_rate(model, batches(train, 0)), options.out / "rates.png")
    recipes = cumulative(base, BAG_OF_TRICKS)
    rows = ablate(recipes, run, options.out / "tricks.jsonl", options.seeds)
    print(ablation_table(rows))
    plot_ablation(rows, options.out / "tricks.png", "test accuracy")


if __name__ == "__main__":
    main()
