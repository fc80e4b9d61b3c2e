"""Trains one network for points, pose, smile, gender and age of faces, and one for each task alone.

    python examples/multitask_faces.py  # on drawn faces, of which one half has points, one ages
    python examples/multitask_faces.py --data photographs --weights mobilenet_v1_0.25_128.weights.h5

`photographs` holds `youtube_faces_landmarks` (68 points and who it is; the pose is computed from
the points), `utkface` (age and gender), `smiles` and `person_coco/not_person` (no faces): each
image has labels of some tasks, and the network learns from all. A fifth is held out: people
where they are known, else images, so that of UTKFace and smiles some may be on both sides.
Networks for one task have as many steps, on as many images of it, as the one for all.

MobileNet 0.25 from ImageNet, 64 px, 12 epochs, seeds 0 and 1, each a split and a training. Points:
mean distance over that between the outer corners of the eyes, in percent; pose: mean error in
degrees of a computed angle; age: mean error in years; smile, gender: percent right; detection: mean
percent right of faces and of no faces.

    network                 points         pose        smile         gender        age
    one for all             11.20, 11.73   6.21, 6.75  90.42, 89.79  84.44, 76.26  11.81, 10.33
    int8                    11.24, 11.70   6.30, 6.74  89.38, 89.79  82.49, 78.21  13.07, 9.73
    int8 after fine-tuning  11.38, 11.55   6.28, 6.71  90.21, 90.00  83.66, 79.77  11.67, 10.25
    one for each, seed 0    10.64                      91.67         84.44         12.63
    the same answer to all  20.66          11.30       49.17         54.47         22.89

Detection: 99.01 and 100 for all three. Two splits differ by more than the ways do. Training took
4.4 and 6.2 minutes for all, 2.3 to 3.2 for a task, on two cores that had other work as well.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cv_course import MobileNet, MobileNetV2
from keras_cv_course.data.face_augmentation import FaceDistortion, distorted_faces
from keras_cv_course.data.labelled import labelled_batches, split_images
from keras_cv_course.faces.multitask import MultitaskFaceNetwork
from keras_cv_course.faces.multitask_training import compile_arguments
from keras_cv_course.faces.tasks import FaceTask, label_sizes
from keras_cv_course.metrics.landmarks import normalized_mean_error
from keras_cv_course.quantization import FreezeRanges, quantize_aware
from keras_cv_course.tasks.multitask_data import Faces, open_faces
from keras_cv_course.tflite import TFLiteModel, convert

RANGE = (-1.0, 1.0)
TEST_SHARE = 0.2
CALIBRATION = 200  # images
BACKBONES = {
    "mobilenet": lambda shape, weights: MobileNet(
        shape, alpha=0.25, include_top=False, weights=weights, batch_norm_momentum=0.99
    ),
    "mobilenet_v2": lambda shape, weights: MobileNetV2(
        shape, include_top=False, weights=weights, batch_norm_momentum=0.99
    ),
}


def training_batches(
    faces: Faces, tasks: tuple[FaceTask, ...], options: argparse.Namespace, seed: int
) -> tf.data.Dataset:
    """Returns distorted images with a label for one of some tasks, and their labels.

    Every network has as many steps, each with as many images of a task, so that none has more
    training than another.
    """
    parts = [split_images(one, (1 - TEST_SHARE, TEST_SHARE), seed)[0] for one in faces.sets]
    total = sum(len(part) for part in parts)
    sizes = label_sizes(tasks)
    parts = [part for part in parts if set(part.labels) & set(sizes)]
    batch = round(options.batch * sum(len(part) for part in parts) / total)
    shape = (options.size, options.size, 3)
    batches = labelled_batches(parts, sizes, shape, RANGE, batch, shuffle=True, seed=seed)
    return distorted_faces(batches, RANGE, FaceDistortion(mirror=faces.mirror), seed)


def fit(
    model: keras.Model,
    tasks: tuple[FaceTask, ...],
    batches: tf.data.Dataset,
    epochs: int,
    rate: float,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Trains a network, with a rate that falls along half a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(batches))
    model.compile(keras.optimizers.Adam(schedule), **compile_arguments(tasks))
    model.fit(batches, epochs=epochs, callbacks=list(callbacks), shuffle=False, verbose=2)


def int8_files(
    model: keras.Model,
    faces: Faces,
    batches: tf.data.Dataset,
    options: argparse.Namespace,
    path: Path,
) -> dict[str, TFLiteModel]:
    """Returns the network in int8 as it is, and after quantization-aware training."""
    typical = np.concatenate([x for x, _ in batches.as_numpy_iterator()])[:CALIBRATION]
    plain = convert(model, path.with_suffix(".int8.tflite"), "int8", calibration_data=typical)
    aware = quantize_aware(model, typical, input_range=RANGE)
    freeze = FreezeRanges(after=options.int8_epochs - 1)
    fit(aware, faces.tasks, batches, options.int8_epochs, options.rate / 10, [freeze])
    tuned = convert(aware, path.with_suffix(".qat.tflite"), "int8")
    return {"int8": TFLiteModel(plain.path), "int8 after fine-tuning": TFLiteModel(tuned.path)}


def measure(
    answer: Callable[[np.ndarray], Any], names: Iterable[str], faces: Faces, size: int, seed: int
) -> dict[str, float]:
    """Returns a measure of each output on people and images that were not in training."""
    tests = [split_images(one, (1 - TEST_SHARE, TEST_SHARE), seed)[1] for one in faces.sets]
    sizes = {name: label_sizes(faces.tasks)[name] for name in names}
    batches = labelled_batches(tests, sizes, (size, size, 3), RANGE)
    pairs = [(answer(images), labels) for images, labels in batches.as_numpy_iterator()]
    measures = {}
    for name in sizes:
        answers, labels = (
            np.concatenate([side[name] for side in s]) for s in zip(*pairs, strict=True)
        )
        known = np.isfinite(labels).all(1)
        measures[name] = _measure(name, labels[known], answers[known], faces.eyes)
    return measures


def _measure(name: str, labels: np.ndarray, answers: np.ndarray, eyes: tuple[int, int]) -> float:
    """Returns percent of the distance between the eyes, years, degrees, or percent of right."""
    if name == "landmarks":
        return float(100 * normalized_mean_error(labels, answers, eyes).mean())
    if name in ("age", "pose"):
        return float(np.abs(answers - labels).mean())
    right = (answers >= 0.5) == labels
    if name == "detection":  # there are twenty faces to one image without
        return float(50 * (right[labels == 1].mean() + right[labels == 0].mean()))
    return float(100 * right.mean())


def main() -> None:
    """Parses the command line, trains and measures, and appends each result to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; drawn faces without it")
    parser.add_argument("--backbone", choices=BACKBONES, default="mobilenet")
    parser.add_argument("--weights", help='"imagenet" or a weights file; fresh ones without it')
    parser.add_argument("--out", type=Path, default=Path("runs/multitask"), help="folder to write")
    parser.add_argument("--networks", nargs="+", help='"all", or tasks to learn alone')
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--int8-epochs", type=int, default=3, help="quantization-aware")
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    faces = open_faces(str(options.data or "drawn_faces"))
    networks = {"all": faces.tasks, **{task.name: (task,) for task in faces.tasks}}
    for seed in options.seeds:
        for name in options.networks or networks:
            start = time.perf_counter()
            keras.utils.set_random_seed(seed)
            tasks, path = networks[name], options.out / f"{name}_{seed}.keras"
            backbone = BACKBONES[options.backbone]((options.size, options.size, 3), options.weights)
            model = MultitaskFaceNetwork(backbone, tasks, dropout_rate=0.2)
            batches = training_batches(faces, tasks, options, seed)
            fit(model, tasks, batches, options.epochs, options.rate)
            model.save(path)
            minutes = (time.perf_counter() - start) / 60
            answers = {"float": model.predict_on_batch}
            if name == "all":
                answers |= int8_files(model, faces, batches, options, path)
            for arithmetic, answer in answers.items():
                measures = measure(answer, model.output, faces, options.size, seed)
                result = {"network": name, "arithmetic": arithmetic, "seed": seed, **measures}
                result["minutes"] = minutes
                with (options.out / "results.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
                print(result)


if __name__ == "__main__":
    main()
