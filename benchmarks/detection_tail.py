"""Measures decoding and suppression as a share of a detector's whole .tflite file.

    python benchmarks/detection_tail.py runs/cells/model.keras --images bccd/JPEGImages

What they take depends on how many boxes the lowest score lets through, so that models should be
trained ones and images of what they find. Each model becomes a file that ends in the network's
own outputs, and one for each way to go on behind them; all run on the same images, in turns, on
one thread. Prints Markdown: medians over images and rounds, and the part of each file's time
that the network alone does not take.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from machine import caption

from keras_cv_course import Detector, load_model
from keras_cv_course.data import load_images
from keras_cv_course.tflite import convert
from keras_cv_course.tflite.runtime import load_interpreter

PIXELS = (0.0, 255.0)
ENDS = {"tflite_op": "decoded, `tflite_op`", "builtin": "decoded, `builtin`"}


def files(
    model: keras.Model, folder: Path, quantize: str, score: float, typical: np.ndarray
) -> dict[str, Path]:
    """Returns a file of each end, with uint8 inputs or float ones."""
    detector = Detector(model, score_threshold=score)
    options: dict[str, Any] = {"quantize": quantize, "input_range": detector.input_range}
    if quantize == "int8":
        options |= {"io_dtype": "uint8", "calibration_data": typical}
    paths = {end: folder / f"{end}_{quantize}.tflite" for end in ("network", *ENDS)}
    convert(model, paths["network"], **options)
    for nms in ENDS:
        convert(detector, paths[nms], nms=nms, **options)
    return paths


def medians_ms(interpreters: Sequence[Interpreter], images: np.ndarray, rounds: int) -> np.ndarray:
    """Returns the median time of each file, over the images and rounds after a first one."""
    times = np.zeros((rounds + 1, len(images), len(interpreters)))
    for turn in range(rounds + 1):
        for number, image in enumerate(images):
            # Another one begins each time, so that none always finds the caches of the same one.
            for i in np.roll(np.arange(len(interpreters)), number + turn).tolist():
                place = interpreters[i].get_input_details()[0]
                interpreters[i].set_tensor(place["index"], image[None].astype(place["dtype"]))
                start = time.perf_counter()
                interpreters[i].invoke()
                times[turn, number, i] = time.perf_counter() - start
    return 1e3 * np.median(times[1:], axis=(0, 1))


def rows(
    model: keras.Model, name: str, quantize: str, options: argparse.Namespace
) -> Iterator[str]:
    """Yields the rows of one model: of each end and each lowest score."""
    shape = model.input_shape[1:]
    photographs = sorted(options.images.glob("*.jpg"))[: options.count]
    if not photographs:
        raise SystemExit(f"There are no .jpg files in {options.images}.")
    detector = Detector(model)
    typical = load_images(photographs, shape, detector.input_range)
    images = load_images(photographs, shape, PIXELS).round() if quantize == "int8" else typical
    for score in options.scores:
        with tempfile.TemporaryDirectory() as folder:
            paths = files(model, Path(folder), quantize, score, typical)
            interpreters = [load_interpreter(path, 1) for path in paths.values()]
            alone, *whole = medians_ms(interpreters, images, options.rounds)
        yield f"| {name} | {quantize} | {score} | network alone | {alone:.2f} | |"
        for end, taken in zip(ENDS.values(), whole, strict=True):
            yield f"| | | | {end} | {taken:.2f} | {1 - alone / taken:.0%} |"


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="model", help=".keras files")
    parser.add_argument("--images", type=Path, required=True, help="folder of .jpg files")
    parser.add_argument("--count", type=int, default=40, help="images")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scores", type=float, nargs="+", default=[0.01, 0.05, 0.3])
    options = parser.parse_args()
    print(f"{caption()}\n")
    print(
        "| model | file | lowest score | end | ms | decoding and suppression |\n" + "|---" * 6 + "|"
    )
    for path in options.models:
        model = load_model(path, compile=False)
        for quantize in ("none", "int8"):
            for row in rows(model, path.parent.name, quantize, options):
                print(row, flush=True)


if __name__ == "__main__":
    main()
