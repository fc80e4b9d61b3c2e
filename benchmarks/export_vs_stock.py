"""Measures our .tflite files beside those of keras.applications and TFLiteConverter, in one run.

    python benchmarks/export_vs_stock.py

For each family, both networks have the same weights and are calibrated on the same images; the
stock one goes through `TFLiteConverter.from_keras_model`. Prints Markdown. A few minutes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from machine import caption

from keras_cv_course import build_model
from keras_cv_course.registry import MODELS
from keras_cv_course.tflite import benchmark, convert, inspect
from keras_cv_course.tflite.quiet import quiet


@dataclass(frozen=True)
class Pair:
    """A network of ours and its twin in keras.applications."""

    name: str
    stock: Callable[..., keras.Model]
    size_px: int
    options: dict[str, Any]


applications = keras.applications
PAIRS = (
    Pair("mobilenet", applications.MobileNet, 96, {"alpha": 0.25}),
    Pair("mobilenet_v2", applications.MobileNetV2, 224, {}),
    Pair("mobilenet_v3_small", applications.MobileNetV3Small, 224, {}),
    Pair("mobilenet_v3_large", applications.MobileNetV3Large, 224, {}),
    Pair("efficientnet_b0", applications.EfficientNetB0, 224, {}),
)
CALIBRATION = 100
RANGES = {
    "gamma": (0.5, 1.5),
    "beta": (-0.5, 0.5),
    "moving_mean": (-0.5, 0.5),
    "moving_variance": (0.5, 1.5),
    "mean": (0.4, 0.5),
    "variance": (0.05, 0.08),
}


def give_statistics(model: keras.Model, rng: np.random.Generator) -> None:
    """Gives normalizations statistics like trained ones, so that no output is constant."""
    for variable in model.variables:
        if variable.name in RANGES:
            variable.assign(rng.uniform(*RANGES[variable.name], variable.shape))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def convert_stock(model: keras.Model, path: Path, images: np.ndarray | None) -> None:
    """Writes what TFLiteConverter makes of a Keras model, in float or int8."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if images is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with quiet():
        path.write_bytes(converter.convert())


def timed(call: Callable[..., Any], *arguments: Any, **options: Any) -> float:
    """Returns the seconds that a call takes."""
    start = time.perf_counter()
    call(*arguments, **options)
    return time.perf_counter() - start


def measure(pair: Pair, folder: Path, runs: int) -> list[str]:
    """Returns the table's two rows for a pair: stock, and ours."""
    rng = np.random.default_rng(0)
    shape = (pair.size_px, pair.size_px, 3)
    stock = pair.stock(input_shape=shape, weights=None, **pair.options)
    give_statistics(stock, rng)
    ours = build_model(pair.name, input_shape=shape, **pair.options)
    ours.set_weights(stock.get_weights())
    limits = MODELS[pair.name].input_range
    images = rng.uniform(*limits, (CALIBRATION, *shape)).astype("float32")
    files = {
        (who, kind): folder / f"{pair.name}_{who}_{kind}.tflite"
        for who in ("stock", "ours")
        for kind in ("float", "int8")
    }
    convert_stock(stock, files["stock", "float"], None)
    convert(ours, files["ours", "float"], "none")
    seconds = {
        "stock": timed(convert_stock, stock, files["stock", "int8"], images),
        "ours": timed(convert, ours, files["ours", "int8"], "int8", "int8", images),
    }
    timings = benchmark(list(files.values()), runs=runs).files
    ms = {key: row.median_ms for key, row in zip(files, timings, strict=True)}
    return [_row(pair, who, files, seconds, ms) for who in ("stock", "ours")]


def _row(
    pair: Pair,
    who: str,
    files: dict[tuple[str, str], Path],
    seconds: dict[str, float],
    ms: dict[tuple[str, str], float],
) -> str:
    report = inspect(files[who, "int8"])
    cells = [
        f"{pair.name} {pair.size_px}" if who == "stock" else "",
        who,
        len(report.operators),
        report.partitions,
        f"{report.bytes:,}",
        f"{ms[who, 'float']:.2f}",
        f"{ms[who, 'int8']:.2f}",
        f"{ms[who, 'int8'] / ms[who, 'float']:.2f}",
        f"{ms[who, 'int8'] / ms['stock', 'int8']:.2f}",
        f"{seconds[who]:.1f}",
        f"{seconds[who] / seconds['stock']:.2f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help="timed runs of each file")
    parser.add_argument("--models", nargs="*", default=[pair.name for pair in PAIRS])
    options = parser.parse_args()
    print(caption() + "\n")
    print(
        "| network | path | int8 ops | partitions | int8 bytes | float ms | int8 ms | int8 / float "
        "| int8 / stock int8 | conversion s | of stock |\n|" + "---|" * 11
    )
    with tempfile.TemporaryDirectory() as folder:
        for pair in PAIRS:
            if pair.name in options.models:
                print("\n".join(measure(pair, Path(folder), options.runs)), flush=True)


if __name__ == "__main__":
    main()
