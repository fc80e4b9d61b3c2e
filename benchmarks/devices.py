"""Measures what each mobile network costs on phone, browser, microcontroller and neural processor.

    python benchmarks/devices.py --out devices.jsonl --weights weights --mlperf models --browser

int8 inside, with int8 inputs and outputs; the browser, which takes no int8, gets a file of its own
with uint8. Each network is a line of `--out`, appended when it is done: the same command continues
where it was cut off. Prints Markdown.

Weights matter to the neural processor alone, since Vela compresses them: a network without a file
in `--weights` has random ones, which compress worst, and its cycles and flash are upper bounds.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from machine import caption
from random_weights import settle

from keras_cv_course import build_model
from keras_cv_course.devices.browser_run import time_in_browser
from keras_cv_course.devices.microcontroller import smallest_arena
from keras_cv_course.devices.npu import compile_for_npu
from keras_cv_course.registry import MODELS
from keras_cv_course.tflite import benchmark, convert

ACCELERATOR = "ethos-u55-128"
TOOLS = ("ethos-u-vela", "tflite-micro")
CALIBRATION_IMAGES = 4  # noise: neither time nor memory depends on the ranges
COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "network": lambda row: row["network"],
    "weights": lambda row: row["weights"],
    "bytes": lambda row: f"{row['bytes']:,}",
    "arena bytes": lambda row: f"{row['arena_bytes']:,}",
    "NPU share": lambda row: f"{row['npu_share']:.1%}",
    "SRAM KiB": lambda row: f"{row['sram_kib']:,.1f}",
    "flash KiB": lambda row: f"{row['flash_kib']:,.1f}",
    "NPU cycles": lambda row: f"{row['cycles_total']:,}",
    "NPU ms": lambda row: f"{row['npu_ms']:.2f}",
    "LiteRT ms": lambda row: f"{row['litert_ms']:.2f}",
    "browser ms": lambda row: f"{row['browser_ms']:.2f}" if row["browser_ms"] else "",
}


@dataclass(frozen=True)
class Network:
    """A network at its usual size.

    Attributes:
        name: Its name in the registry.
        size_px: Height and width of its input.
        options: Further arguments of its builder.
        weights: File of trained weights, in the folder `--weights`.
    """

    name: str
    size_px: int = 224
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None


VWW = "mobilenet 0.25 96, MLPerf Tiny's weights"
MLPERF = "MLPerf Tiny's own file"
VWW_OPTIONS = {"alpha": 0.25, "activation": "relu", "classes": 2}
NETWORKS = {
    "mobilenet 0.25 96": Network(
        "mobilenet", 96, {"alpha": 0.25}, "mobilenet_v1_0.25_128.weights.h5"
    ),
    "mobilenet 224": Network("mobilenet"),
    "mobilenet_v2 224": Network("mobilenet_v2", weights="mobilenet_v2_1.0_224.weights.h5"),
    "mobilenet_v3_small 224": Network("mobilenet_v3_small"),
    "mobilenet_v3_large 224": Network("mobilenet_v3_large"),
    "efficientnet_b0 224": Network("efficientnet_b0"),
    "efficientnet_lite0 224": Network("efficientnet_lite0"),
}


def main() -> None:
    """Measures what `--out` does not have yet, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(NETWORKS)}; all by default")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines to add to")
    parser.add_argument("--weights", type=Path, help="folder of trained weights")
    parser.add_argument("--mlperf", type=Path, help="folder of MLPerf Tiny's person detector")
    parser.add_argument("--browser", action="store_true", help="time in Chromium, too")
    parser.add_argument("--runtime", type=Path, help="node_modules with LiteRT.js; npm's if absent")
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    unknown = set(options.networks) - set(NETWORKS)
    if unknown:
        parser.error(f"no such networks: {', '.join(sorted(unknown))}")

    done = {row["network"] for row in read(options.out)}
    jobs = {name: NETWORKS[name] for name in options.networks or NETWORKS}
    for name, network in jobs.items():
        if name not in done:
            model, weights = build(network, options.weights)
            add(options.out, measure_model(name, weights, model, options))
    if options.mlperf:
        if MLPERF not in done:
            file = options.mlperf / "mlperf_tiny_vww_96_int8.tflite"
            add(options.out, measure(MLPERF, "trained", file, options.runs))
        if VWW not in done:
            weights_file = options.mlperf / "mlperf_tiny_vww_96.h5"
            model = build_model(
                "mobilenet", input_shape=(96, 96, 3), weights=weights_file, **VWW_OPTIONS
            )
            add(options.out, measure_model(VWW, "trained", model, options))
    show(read(options.out))


def build(network: Network, folder: Path | None) -> tuple[keras.Model, str]:
    """Returns the network, and "trained" or "random", which its weights are."""
    file = folder / network.weights if folder and network.weights else None
    shape = (network.size_px, network.size_px, 3)
    model = build_model(network.name, input_shape=shape, weights=file, **network.options)
    if file is None:
        settle(model, noise(model, MODELS[network.name].input_range))
    return model, "trained" if file else "random"


def noise(model: keras.Model, input_range: tuple[float, float]) -> np.ndarray:
    """Returns images without anything on them."""
    shape = (CALIBRATION_IMAGES, *model.inputs[0].shape[1:])
    return np.random.default_rng(0).uniform(*input_range, shape).astype("float32")


def measure_model(
    name: str, weights: str, model: keras.Model, options: argparse.Namespace
) -> dict[str, Any]:
    """Returns the row of a Keras model."""
    input_range = (0.0, 1.0) if name == VWW else MODELS[name.split()[0]].input_range
    images = noise(model, input_range)
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: Path(folder) / f"{kind}.tflite" for kind in ("int8", "uint8")}
        convert(model, files["int8"], "int8", "int8", images, input_range=input_range)
        row = measure(name, weights, files["int8"], options.runs)
        if options.browser:
            convert(model, files["uint8"], "int8", "uint8", images, input_range=input_range)
            row["browser_ms"] = time_in_browser(files["uint8"], options.runs, options.runtime)
        return row


def measure(name: str, weights: str, file: Path, runs: int) -> dict[str, Any]:
    """Returns the row of an int8 file, but for the browser, which does not take it."""
    report = compile_for_npu(file, ACCELERATOR)
    return {
        "network": name,
        "weights": weights,
        "bytes": file.stat().st_size,
        "arena_bytes": smallest_arena(file),
        "npu_share": report.npu_share,
        "sram_kib": report.sram_kib,
        "flash_kib": report.flash_kib,
        "cycles_total": report.cycles_total,
        "npu_ms": report.ms,
        "litert_ms": benchmark(file, runs=runs).files[0].median_ms,
        "browser_ms": None,
    }


def add(out: Path, row: dict[str, Any]) -> None:
    """Appends a row to the JSON lines."""
    with out.open("a") as file:
        file.write(json.dumps(row) + "\n")


def read(out: Path) -> list[dict[str, Any]]:
    """Returns the rows that are there."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def show(rows: list[dict[str, Any]]) -> None:
    """Prints the table."""
    tools = ", ".join(f"{name} {version(name)}" for name in TOOLS)
    print(f"{caption()}, {tools}; NPU: {ACCELERATOR}, Vela's internal compiler estimates\n")
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for row in rows:
        print("| " + " | ".join(cell(row) for cell in COLUMNS.values()) + " |")


if __name__ == "__main__":
    main()
