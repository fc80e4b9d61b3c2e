"""Measures int8 files of keras.applications' networks beside those of TFLiteConverter, in one run.

    python benchmarks/graphs.py

For networks whose stock files fall into several XNNPACK partitions. Weights are random, with
statistics like trained ones. Prints Markdown: operators, partitions, bytes, and the time of the
int8 file by that of the float one, which take turns. A few minutes.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from export_vs_stock import convert_stock, give_statistics
from machine import caption

from keras_cv_course.tflite import benchmark, convert, inspect

applications = keras.applications
NETWORKS: dict[str, tuple[Callable[..., keras.Model], int]] = {
    "ResNet50": (applications.ResNet50, 96),
    "ResNet50V2": (applications.ResNet50V2, 96),
    "DenseNet121": (applications.DenseNet121, 96),
    "InceptionV3": (applications.InceptionV3, 75),
    "Xception": (applications.Xception, 75),
}
CALIBRATION = 16
COLUMNS = ("network", "file", "operators", "partitions", "outside", "bytes", "int8 : float")


def measure(name: str, folder: Path, runs: int) -> list[str]:
    """Returns the table's two rows for a network: stock, and ours."""
    build, size_px = NETWORKS[name]
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    shape = (size_px, size_px, 3)
    model = build(weights=None, input_shape=shape, classes=10, classifier_activation=None)
    give_statistics(model, rng)
    images = rng.uniform(-1, 1, (CALIBRATION, *shape)).astype(np.float32)
    paths = {kind: folder / f"{name}_{kind}.tflite" for kind in ("float", "stock", "ours")}
    convert(model, paths["float"], "none")
    convert_stock(model, paths["stock"], images)
    convert(model, paths["ours"], "int8", "int8", calibration_data=images)
    times = {row.path.name: row.median_ms for row in benchmark(list(paths.values()), runs).files}
    rows = []
    for kind in ("stock", "ours"):
        report = inspect(paths[kind], validate=False)
        outside = ", ".join(sorted(set(report.outside))) or "none"
        ratio = times[paths[kind].name] / times[paths["float"].name]
        size = f"{paths[kind].stat().st_size:,}"
        cells = (name, kind, len(report.operators), report.partitions, outside, size)
        rows.append(" | ".join(map(str, (*cells, f"{ratio:.2f}"))))
    return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help=", ".join(NETWORKS))
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    print(caption())
    print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.networks:
            for row in measure(name, Path(folder), options.runs):
                print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
