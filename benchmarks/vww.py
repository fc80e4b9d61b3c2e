"""Measures MLPerf Tiny's person detector: its own int8 file beside our export of the same weights.

    python benchmarks/vww.py mlperf_tiny_vww_96.h5 mlperf_tiny_vww_96_int8.tflite --images photos

Prints Markdown.
"""

import argparse
import tempfile
from pathlib import Path

from machine import caption

from keras_cv_course import MobileNet
from keras_cv_course.tflite import benchmark, convert, inspect

SHAPE = (96, 96, 3)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="the Keras 2 model of MLPerf Tiny")
    parser.add_argument("file", type=Path, help="its int8 .tflite")
    parser.add_argument("--images", required=True, help="folder to calibrate with")
    parser.add_argument("--runs", type=int, default=500)
    options = parser.parse_args()

    model = MobileNet(SHAPE, alpha=0.25, activation="relu", classes=2, weights=options.weights)
    with tempfile.TemporaryDirectory() as folder:
        ours = Path(folder) / "ours.tflite"
        convert(model, ours, "int8", "int8", options.images, input_range=(0.0, 1.0))
        files = [options.file, ours]
        timings = benchmark(files, runs=options.runs, warmup=50).files
        print(
            caption()
            + "\n\n| file | ops | bytes | of MLPerf's | ms | of MLPerf's |\n"
            + "|---" * 6
            + "|"
        )
        for name, file, timing in zip(("MLPerf Tiny", "ours"), files, timings, strict=True):
            report = inspect(file)
            print(
                f"| {name} | {len(report.operators)} | {report.bytes:,} "
                f"| {report.bytes / timings[0].bytes:.2f} | {timing.median_ms:.4f} "
                f"| {timing.ratio:.2f} |"
            )


if __name__ == "__main__":
    main()
