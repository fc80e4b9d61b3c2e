"""Measures a training step of our networks beside keras.applications on Keras 3 and on tf_keras.

    python benchmarks/train_step.py

The three networks take turns, a few steps each, on the same batch with the same optimizer. The
time to the first step is that of a first `fit` of one step, tracing included, after TensorFlow
has run something else. Prints Markdown.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from machine import caption

from keras_cv_course import build_model

CASES = {
    "mobilenet": ("MobileNet", {"alpha": 0.25}),
    "mobilenet_v2": ("MobileNetV2", {"alpha": 0.35}),
    "mobilenet_v3_small": ("MobileNetV3Small", {}),
    "efficientnet_b0": ("EfficientNetB0", {}),
}
CLASSES = 10


class Contestant:
    """A network that trains on one batch, in chunks of steps that are timed."""

    def __init__(self, engine: Any, model: Any, batch: tuple[np.ndarray, np.ndarray]) -> None:
        model.compile(engine.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        self._model = model
        self._data = tf.data.Dataset.from_tensors(batch).repeat()
        self.first_s = self._fit(1)
        self.steps_ms: list[float] = []

    def run(self, steps: int) -> None:
        """Trains for some steps and keeps the time of each on average."""
        self.steps_ms.append(1e3 * self._fit(steps) / steps)

    def _fit(self, steps: int) -> float:
        start = time.perf_counter()
        self._model.fit(self._data, steps_per_epoch=steps, epochs=1, verbose=0)
        return time.perf_counter() - start


def contestants(name: str, size_px: int, batch_size: int) -> dict[str, Contestant]:
    """Returns ours and both peers, each after its first step."""
    stock, options = CASES[name]
    shape = (size_px, size_px, 3)
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (batch_size, *shape)).astype("float32")
    batch = images, rng.integers(0, CLASSES, batch_size)
    peer: dict[str, Any] = {"input_shape": shape, "weights": None, "classes": CLASSES, **options}
    builders: dict[str, tuple[Any, Callable[[], Any]]] = {
        "ours": (keras, lambda: build_model(name, **peer)),
        "keras.applications": (keras, lambda: getattr(keras.applications, stock)(**peer)),
        "tf_keras.applications": (tf_keras, lambda: getattr(tf_keras.applications, stock)(**peer)),
    }
    return {who: Contestant(engine, make(), batch) for who, (engine, make) in builders.items()}


def warm_up() -> None:
    """Lets both engines run once, so that no measured step includes starting them."""
    for engine in (keras, tf_keras):
        model = engine.Sequential([engine.layers.Dense(1)])
        Contestant(engine, model, (np.zeros((2, 3), "float32"), np.zeros(2)))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=list(CASES))
    parser.add_argument("--size-px", type=int, default=96)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each network")
    parser.add_argument("--steps", type=int, default=10, help="steps of a turn")
    options = parser.parse_args()
    warm_up()
    print(f"{caption()}; {options.size_px} px, batch {options.batch}\n")
    print("| network | on | step ms | of tf_keras | first step s | of tf_keras |\n|" + "---|" * 6)
    for name in options.models:
        rivals = contestants(name, options.size_px, options.batch)
        for _ in range(options.rounds):
            for rival in rivals.values():
                rival.run(options.steps)
        step = {who: float(np.median(rival.steps_ms)) for who, rival in rivals.items()}
        first = {who: rival.first_s for who, rival in rivals.items()}
        base = "tf_keras.applications"
        for who in rivals:
            label = name if who == "ours" else ""
            print(
                f"| {label} | {who} | {step[who]:.1f} | {step[who] / step[base]:.2f} "
                f"| {first[who]:.1f} | {first[who] / first[base]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
