"""Measures what it takes to encode boxes as targets, beside a training step of SSD300.

    python benchmarks/detection.py

Images with 5, 20 and 100 boxes each, padded to 100, are encoded for the 8,732 priors of SSD300:
image by image, as `with_targets` does it in tf.data, and all of a batch at once. The peer is
the same in NumPy with a loop over boxes; the targets of both are compared before they are timed.
Times are those of one call; in tf.data several run at once, beside the training step. Prints
Markdown.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from machine import caption

from keras_cv_course.detectors.ssd import SSD300
from keras_cv_course.losses.anchor_boxes import AnchorBoxLoss
from keras_cv_course.losses.multibox import MultiboxClassLoss
from keras_cv_course.ops.anchors import anchor_boxes, ssd300_maps
from keras_cv_course.ops.box_coding import SSD_VARIANCES
from keras_cv_course.ops.target_encoding import encode_anchor_targets

SIZE_PX = 300
SLOTS = 100
CLASSES = 20


def batch_of_boxes(batch: int, boxes: int) -> dict[str, np.ndarray]:
    """Returns random boxes of a batch of images, padded to `SLOTS`."""
    rng = np.random.default_rng(0)
    middle = rng.uniform(0, SIZE_PX, (batch, SLOTS, 2))
    half = rng.uniform(8, 120, (batch, SLOTS, 2)) / 2
    corners = np.concatenate([middle - half, middle + half], -1).clip(0, SIZE_PX)
    labels = rng.integers(0, CLASSES, (batch, SLOTS)).astype(np.int32)
    labels[:, boxes:] = -1
    real = labels >= 0
    return {
        "boxes": np.where(real[..., None], corners, 0).astype(np.float32),
        "labels": labels,
        "weights": real.astype(np.float32),
    }


def loop_over_boxes(bounding_boxes: dict[str, np.ndarray], anchors: np.ndarray) -> np.ndarray:
    """Returns the box targets of a batch, `(batch, anchors, 5)`, box by box in NumPy."""
    result = np.zeros((len(bounding_boxes["labels"]), len(anchors), 5), np.float32)
    for boxes, labels, targets in zip(
        bounding_boxes["boxes"], bounding_boxes["labels"], result, strict=True
    ):
        real = boxes[labels >= 0]
        overlaps = np.stack([_iou(box, anchors) for box in real], axis=1)
        match = np.where(overlaps.max(1) >= 0.5, overlaps.argmax(1), -1)
        left = overlaps.copy()
        for _ in real:
            anchor, box = np.unravel_index(left.argmax(), left.shape)
            match[anchor] = box
            left[anchor], left[:, box] = -1, -1
        found_at = match >= 0
        targets[found_at, :4] = _encode(real[match[found_at]], anchors[found_at])
        targets[found_at, 4] = 1
    return result


def _iou(box: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    sides = np.minimum(box[2:], anchors[:, 2:]) - np.maximum(box[:2], anchors[:, :2])
    shared = sides.clip(0).prod(1)
    areas = (anchors[:, 2:] - anchors[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return shared / (areas - shared)


def _encode(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    sides, own = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    shift = (boxes[:, 2:] + boxes[:, :2] - anchors[:, 2:] - anchors[:, :2]) / 2 / own
    return np.concatenate([shift, np.log(sides / own)], -1) / SSD_VARIANCES


def encoders(
    bounding_boxes: dict[str, np.ndarray], anchors: np.ndarray
) -> dict[str, Callable[[], np.ndarray]]:
    """Returns ways to the box targets of one batch, each traced and compared with the loop."""
    encode = partial(encode_anchor_targets, anchors=anchors)
    functions = {
        "image by image": lambda all_: keras.ops.map(lambda one: encode(**one), all_),
        "batch at once": lambda all_: encode(**all_),
    }
    tensors = {name: tf.constant(value) for name, value in bounding_boxes.items()}
    ways: dict[str, Callable[[], np.ndarray]] = {
        name: partial(lambda run: run(tensors)["boxes"].numpy(), tf.function(function))
        for name, function in functions.items()
    }
    ways["NumPy, box by box"] = partial(loop_over_boxes, bounding_boxes, anchors)
    expected = loop_over_boxes(bounding_boxes, anchors)
    for name, way in ways.items():
        off = np.abs(way() - expected).max()
        if off > 1e-3:
            raise RuntimeError(f"The targets of {name!r} differ from the loop's by {off}.")
    return ways


def step(
    batch: int, bounding_boxes: dict[str, np.ndarray], anchors: np.ndarray
) -> Callable[[], Any]:
    """Returns a training step of SSD300 on a batch in memory, after its first run."""
    model = SSD300(CLASSES)
    optimizer = keras.optimizers.SGD(1e-4, 0.9)
    model.compile(optimizer, {"boxes": AnchorBoxLoss(), "classes": MultiboxClassLoss()})
    images = np.random.default_rng(0).uniform(-1, 1, (batch, SIZE_PX, SIZE_PX, 3))
    targets = encode_anchor_targets(
        bounding_boxes["boxes"][:batch], bounding_boxes["labels"][:batch], anchors=anchors
    )
    run = partial(model.train_on_batch, images.astype(np.float32), targets)
    run()
    return run


def median_ms(run: Callable[[], Any], rounds: int) -> float:
    """Returns the median time of a call."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--boxes", type=int, nargs="*", default=[5, 20, 100])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--step-batch",
        type=int,
        default=4,
        help="images of the training step; its time is scaled",
    )
    options = parser.parse_args()
    anchors = anchor_boxes(ssd300_maps())
    bounding_boxes = batch_of_boxes(options.batch, SLOTS)
    images = min(options.step_batch, options.batch)
    train_ms = (
        median_ms(step(images, bounding_boxes, anchors), options.rounds) * options.batch / images
    )
    print(
        f"{caption()}; {len(anchors)} priors, batch {options.batch}; a training step of SSD300 "
        f"takes {train_ms:.0f} ms ({options.batch // images} times that of {images})\n"
    )
    print("| boxes an image | encoded | ms a batch | of the step |\n|" + "---|" * 4)
    for boxes in options.boxes:
        ways = encoders(batch_of_boxes(options.batch, boxes), anchors)
        for name, way in ways.items():
            taken = median_ms(way, options.rounds)
            print(f"| {boxes} | {name} | {taken:.1f} | {taken / train_ms:.1%} |", flush=True)


if __name__ == "__main__":
    main()
