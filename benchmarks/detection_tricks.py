"""Measures what the tricks of the Bag of Freebies gain for a YOLO that finds blood cells.

    python benchmarks/detection_tricks.py --shared ../shared --out tricks.jsonl

Rows are those of table 2 of arXiv:1902.04103, each with the tricks of those above it: what differs
is that sizes are drawn from 128 to 224 pixels around an input of 160, and that there is no row of
synchronized batch norm, which changes nothing on one device. The detector learns BCCD's list
`train`; its score is the mAP50 of the last epoch on `val`. Results are added to `--out` as they
come, and the same command continues after an interruption. With `--alone` each trick is added to
the baseline by itself.
"""

import argparse
from functools import partial
from pathlib import Path

import keras
from detection_tasks import LOSSES, RANGE, TASKS, backbone

from keras_cv_course import Detector
from keras_cv_course.data import detection_epochs
from keras_cv_course.data.annotations import Annotations
from keras_cv_course.metrics.detection_callback import detection_metrics
from keras_cv_course.training import (
    Recipe,
    ablate,
    ablation_table,
    cumulative,
    one_by_one,
    plot_ablation,
)
from keras_cv_course.training.ablation import BAG_OF_FREEBIES
from keras_cv_course.training.detection_fit import detection_images, detector_training

SIZE = 160
SIZES = tuple(range(128, 225, 32))  # as far from SIZE as the paper's 320 to 608 from 416
LOWEST_SCORE = 0.01
TASK = TASKS["bccd"]
TRICKS = {
    name: {**change, "batch_sizes_px": SIZES} if "batch_sizes_px" in change else change
    for name, change in BAG_OF_FREEBIES.items()
    if "sync_batch_norm" not in change
}


def run(shared: Path, train: Annotations, val: Annotations, recipe: Recipe) -> float:
    """Returns the mAP50 on `val` of a YOLO trained by a recipe."""
    keras.utils.set_random_seed(recipe.seed)
    model = TASK.models["yolo"](backbone(shared, SIZE), train)
    batches = detection_epochs(train, (SIZE, SIZE, 3), TASK.batch, seed=recipe.seed)
    images = detection_images(batches, recipe, model, RANGE)
    training = detector_training(
        model, recipe, images, val.samples, val.class_names, **LOSSES["yolo"]
    )
    training.model.fit(training.train.passes(), epochs=recipe.epochs, shuffle=False, verbose=2)
    detector = Detector(model, val.class_names, score_threshold=LOWEST_SCORE)
    return detection_metrics(detector.predict, val.samples(), val.class_names)["VOC12"]


def main() -> None:
    """Parses the command line, trains, prints the table and plots it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("detection_tricks.jsonl"))
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--alone", action="store_true", help="each trick without those above it")
    options = parser.parse_args()
    train, val = TASK.lists(options.shared)
    base = Recipe(
        epochs=options.epochs,
        learning_rate=1e-3,
        schedule="step",
        warmup_epochs=1.0,
        decay_epochs=(0.8 * options.epochs, 0.9 * options.epochs),
    )
    recipes = cumulative(base, TRICKS)
    if options.alone:
        tricks = {name: change for name, change in TRICKS.items() if name.startswith("+")}
        recipes = one_by_one(recipes["baseline"], {"baseline": {}, **tricks})
    rows = ablate(recipes, partial(run, options.shared, train, val), options.out, options.seeds)
    print(ablation_table(rows, "first" if options.alone else "previous"))
    plot_ablation(rows, options.out.with_suffix(".png"), "mAP50")


if __name__ == "__main__":
    main()
