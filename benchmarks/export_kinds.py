"""Measures every kind of export of one trained classifier: size, time, and what it loses.

    python benchmarks/export_kinds.py runs/flowers/model.keras --data flowers17 --input-range -1 1

Calibrates on the images of `train`, and measures on those of `val`. Prints Markdown.
"""

import argparse
import tempfile
from pathlib import Path

from machine import caption

from keras_cv_course import load_model
from keras_cv_course.data import as_arrays, image_folder
from keras_cv_course.tflite import benchmark, compare, convert

KINDS = (
    ("none", "float32"),
    ("float16", "float32"),
    ("dynamic", "float32"),
    ("int8", "float32"),
    ("int8", "uint8"),
    ("int8x16", "float32"),
    ("int4", "float32"),
)
CALIBRATED = ("int8", "int8x16")
COLUMNS = (
    "quantize",
    "inputs",
    "bytes",
    "ms",
    "of float",
    "accuracy",
    "same decision",
    "s to convert",
)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True, help="folder with train and val")
    parser.add_argument("--input-range", type=float, nargs=2, required=True)
    options = parser.parse_args()

    model = load_model(options.model)
    data = image_folder(options.data, model.input_shape[1:], tuple(options.input_range))
    calibration, _ = as_arrays(data.train.unbatch().take(100).batch(50))
    images, labels = as_arrays(data.val)
    with tempfile.TemporaryDirectory() as folder:
        results = [
            convert(
                model,
                Path(folder) / f"{quantize}_{io_dtype}.tflite",
                quantize,
                io_dtype,
                calibration if quantize in CALIBRATED else None,
            )
            for quantize, io_dtype in KINDS
        ]
        timings = benchmark([result.path for result in results], runs=30).files
        reports = [compare(model, result.path, images, labels) for result in results]
    print(f"{caption()}; {len(images)} images, Keras {reports[0].metric_reference:.4f}\n")
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for result, timing, report in zip(results, timings, reports, strict=True):
        print(
            f"| {result.quantize} | {result.io_dtype} | {result.size_bytes:,} "
            f"| {timing.median_ms:.2f} | {timing.ratio:.2f} | {report.metric_tflite:.4f} "
            f"| {report.agreement:.4f} | {sum(result.seconds.values()):.1f} |"
        )


if __name__ == "__main__":
    main()
