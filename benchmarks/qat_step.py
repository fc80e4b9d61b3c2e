"""Measures quantization-aware training beside float training, and tfmot's on tf_keras.

    python benchmarks/qat_step.py

Float and quantization-aware network take turns in one process, a few steps each, on the same batch
with the same optimizer; a step's time is the median over all turns. The peers do so on tf_keras in
a process of their own. The first `fit` of one step, tracing included, and the peak memory after a
few more are those of a fresh process for each network. Prints Markdown.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf
from machine import caption

CASES: dict[str, dict[str, float]] = {
    "mobilenet_v2": {"alpha": 0.35},
    "mobilenet_v3_small": {},
    "efficientnet_b0": {},
}
PEER = "mobilenet_v2"
WHO = {
    "float": "float",
    "qat": "quantization-aware",
    "peer_float": "tf_keras float",
    "peer_qat": "tf_keras, tfmot",
}
LEGACY = "TF_USE_LEGACY_KERAS"
CLASSES = 10
Batch = tuple[np.ndarray, np.ndarray]


def engine(who: str) -> Any:
    """Returns the Keras that a contestant runs on."""
    if who.startswith("peer"):
        import tf_keras

        return tf_keras
    import keras

    return keras


def build(who: str, name: str, images: np.ndarray) -> Any:
    """Returns the network of a contestant."""
    shape = images.shape[1:]
    if who.startswith("peer"):
        import tensorflow_model_optimization as tfmot

        builder = engine(who).applications.MobileNetV2
        model = builder(shape, weights=None, classes=CLASSES, **CASES[name])
        return tfmot.quantization.keras.quantize_model(model) if who == "peer_qat" else model
    from keras_cv_course import build_model
    from keras_cv_course.quantization import quantize_aware

    model = build_model(name, input_shape=shape, classes=CLASSES, **CASES[name])
    return quantize_aware(model, images, input_range=(-1, 1)) if who == "qat" else model


class Contestant:
    """A network that trains on one batch, with the time of every step."""

    def __init__(self, engine: Any, model: Any, batch: Batch) -> None:
        model.compile(engine.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        self._model = model
        self._data = tf.data.Dataset.from_tensors(batch).repeat()
        self._watch = engine.callbacks.LambdaCallback(
            on_train_batch_begin=self._begin, on_train_batch_end=self._end
        )
        self.steps_ms: list[float] = []
        start = time.perf_counter()
        self.run(1)
        self.first_s = time.perf_counter() - start
        self.steps_ms.clear()

    def run(self, steps: int) -> None:
        """Trains for some steps and keeps the time of each."""
        self._model.fit(self._data, steps_per_epoch=steps, verbose=0, callbacks=[self._watch])

    def _begin(self, step: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def _end(self, step: int, logs: Any = None) -> None:
        self.steps_ms.append(1e3 * (time.perf_counter() - self._start))


def make_batch(options: argparse.Namespace) -> Batch:
    """Returns images of noise in a range that every network takes, with labels."""
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (options.batch, options.size_px, options.size_px, 3))
    return images.astype("float32"), rng.integers(0, CLASSES, options.batch)


def steps_child(whos: list[str], name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Returns the median step of contestants that take turns."""
    batch = make_batch(options)
    rivals = {who: Contestant(engine(who), build(who, name, batch[0]), batch) for who in whos}
    for rival in rivals.values():
        rival.run(options.steps)
        rival.steps_ms.clear()
    for _ in range(options.rounds):
        for rival in rivals.values():
            rival.run(options.steps)
    return {who: float(np.median(rival.steps_ms)) for who, rival in rivals.items()}


def first_child(who: str, name: str, options: argparse.Namespace) -> dict[str, float]:
    """Returns the time to the first step, and the peak memory after a turn."""
    keras = engine(who)
    tiny = keras.Sequential([keras.layers.Dense(1)])
    Contestant(keras, tiny, (np.zeros((2, 3), "float32"), np.zeros(2)))
    batch = make_batch(options)
    rival = Contestant(keras, build(who, name, batch[0]), batch)
    rival.run(options.steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"first_s": rival.first_s, "peak_mb": peak / 1024}


def in_child(child: str, who: str, name: str, argv: list[str]) -> dict[str, Any]:
    """Returns what this program prints as a child, in a process of its own."""
    command = [sys.executable, __file__, *argv, "--child", child, who, name]
    environment = {**os.environ, LEGACY: "1" if who.startswith("peer") else "0"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def print_rows(name: str, whos: list[str], argv: list[str], repeats: int) -> None:
    """Measures and prints a float network and its quantization-aware one."""
    steps = in_child("steps", ",".join(whos), name, argv)
    runs: dict[str, list[dict[str, float]]] = {who: [] for who in whos}
    for _ in range(repeats):
        for who in whos:
            runs[who].append(in_child("first", who, name, argv))
    cells = {
        who: (
            steps[who],
            *(float(np.median([run[key] for run in runs[who]])) for key in ("first_s", "peak_mb")),
        )
        for who in whos
    }
    for who in whos:
        step, first, peak = cells[who]
        ratios = [mine / base for mine, base in zip(cells[who], cells[whos[0]], strict=True)]
        print(
            f"| {name if who == 'float' else ''} | {WHO[who]} | {step:.1f} | {ratios[0]:.2f} "
            f"| {first:.1f} | {ratios[1]:.2f} | {peak:.0f} | {ratios[2]:.2f} |",
            flush=True,
        )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--size-px", type=int, default=96)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=10, help="turns of each network")
    parser.add_argument("--steps", type=int, default=6, help="steps of a turn")
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes of each network")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child, who, name = options.child
        measured = (
            steps_child(who.split(","), name, options)
            if child == "steps"
            else first_child(who, name, options)
        )
        print(json.dumps(measured))
        return
    print(f"{caption()}; {options.size_px} px, batch {options.batch}\n")
    print(
        "| network | training | step ms | of float | first step s | of float | peak MB "
        "| of float |\n|" + "---|" * 8
    )
    for name in options.models:
        print_rows(name, ["float", "qat"], sys.argv[1:], options.repeats)
        if name == PEER:
            print_rows(name, ["peer_float", "peer_qat"], sys.argv[1:], options.repeats)


if __name__ == "__main__":
    main()
