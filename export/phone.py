"""Takes a trained model to the two files that a phone app chooses from, and proves them.

    python export/phone.py model.keras --images photos --labels names.txt --out exported
    python export/phone.py                            # a small network, trained on digits first

Writes `<name>_uint8.tflite` (int8 inside, pixels of 0 to 255 in, uint8 scores out) and
`<name>_float16.tflite`, compares both with the model on the images and times them. MediaPipe,
which runs them in an app, must answer to the same images as LiteRT does, where it is installed.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from built_in import Opened, open_model
from rich.console import Console
from rich.table import Table

from keras_cv_course.devices.mediapipe import (
    PYTHON_VARIABLE,
    VERSION,
    Classification,
    Embedding,
    find_python,
    run_mediapipe,
)
from keras_cv_course.tflite import TFLiteModel, benchmark, compare, convert
from keras_cv_course.tflite.tensors import TensorSpec, dequantize, quantize

_TIMEOUT_S = 600.0
_RGB = 3
# MediaPipe scales pixels in another order of operations, and has an XNNPACK of its own.
_FLOAT_TOLERANCE = 1e-4  # of the largest score
_STEP_TOLERANCE = 1.01


@dataclass(frozen=True)
class Proof:
    """How MediaPipe's answers differ from TFLiteModel's.

    Attributes:
        file: The .tflite file.
        labels: For how many images MediaPipe names the class of the largest score; None without
            classes.
        difference: Largest difference of a score, or of an entry of the vector.
        tolerance: How large it may be.
    """

    file: Path
    labels: int | None
    difference: float
    tolerance: float


def main() -> None:
    """Parses the command line, converts, compares, times and proves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="a .keras file that takes one image")
    parser.add_argument("--images", type=Path, help="folder of typical images")
    parser.add_argument("--labels", type=Path, help="text file with the name of a class a line")
    parser.add_argument("--input-range", type=float, nargs=2, help="values that the model takes")
    parser.add_argument("--out", type=Path, default=Path("exported"), help="folder to write")
    options = parser.parse_args()

    python = find_mediapipe()
    opened = open_model(options.model, options.images, options.input_range, options.labels)
    stem = options.out / (options.model.stem if options.model else opened.model.name)
    files = [
        convert(
            opened.model,
            f"{stem}_{kind}.tflite",
            quantize,
            calibration_data=data,
            class_names=opened.class_names,
            input_range=opened.input_range,
            target="phone",
        ).path
        for kind, quantize, data in (
            ("uint8", "int8", opened.images),
            ("float16", "float16", None),
        )
    ]
    for file in files:
        print(compare(opened.model, file, opened.images))
    print(benchmark(files))
    if python is not None:
        prove(files, opened, python)


def find_mediapipe() -> Path | None:
    """Returns the Python that has MediaPipe; if there is none, prints how to install it, and None.

    One that the environment names and that is not there is a mistake, which ends the program.
    """
    try:
        return find_python()
    except FileNotFoundError as error:
        if os.environ.get(PYTHON_VARIABLE):
            raise SystemExit(str(error)) from error
        print(f"The files are not proven in MediaPipe: {error}")
        return None


def prove(files: list[Path], opened: Opened, python: Path) -> None:
    """Prints how MediaPipe's answers differ, and ends the program with status 1 if too far."""
    output = opened.model.outputs[0]
    if opened.images.shape[-1] != _RGB or len(opened.model.outputs) > 1 or len(output.shape) > 2:
        print("MediaPipe is not asked: its answers are compared for RGB images and one vector.")
        return
    low, high = opened.input_range
    pixels = np.rint(255 * (opened.images - low) / (high - low)).astype(np.uint8)
    proofs = [_proof(file, pixels, opened, python) for file in files]
    Console(width=100).print(_table(proofs, len(pixels)))
    wrong = [
        proof.file.name
        for proof in proofs
        if proof.difference > proof.tolerance or proof.labels not in (None, len(pixels))
    ]
    if wrong:
        raise SystemExit(f"MediaPipe answers otherwise than TFLiteModel: {', '.join(wrong)}.")


def _proof(file: Path, pixels: np.ndarray, opened: Opened, python: Path) -> Proof:
    model = TFLiteModel(file)
    expected = model.predict(_real_values(pixels, model.inputs[0], opened, file))
    assert isinstance(expected, np.ndarray)  # One output.
    step = model.outputs[0].scale
    tolerance = _STEP_TOLERANCE * step if step else _FLOAT_TOLERANCE * float(abs(expected).max())
    task = "classifier" if opened.class_names else "embedder"
    answers = run_mediapipe(python, task, file, pixels, _TIMEOUT_S)
    outputs = np.zeros_like(expected)
    labels = 0
    for i, answer in enumerate(answers):
        if isinstance(answer, Embedding):
            outputs[i] = answer.vector
        if isinstance(answer, Classification) and opened.class_names:
            for category in answer.categories:
                outputs[i, category.index] = category.score
            # Equal scores may come in any order.
            best = np.flatnonzero(expected[i] >= expected[i].max() - tolerance)
            labels += answer.categories[0].label in {opened.class_names[j] for j in best}
    difference = float(abs(outputs - expected).max())
    return Proof(file, labels if opened.class_names else None, difference, tolerance)


def _real_values(pixels: np.ndarray, spec: TensorSpec, opened: Opened, file: Path) -> np.ndarray:
    """Returns pixels in the model's range, as the file gets them from MediaPipe.

    An integer input gets the pixel itself as its number. 127.5, the zero of [-1, 1], is no number
    that a file can hold: the value is half a step beside that of the pixel.
    """
    low, high = opened.input_range
    values = (low + (high - low) / 255 * pixels).astype(np.float32)
    if spec.scale is None:
        return values
    distance = int(abs(quantize(values, spec).astype(int) - pixels).max())
    if distance > 1:
        raise SystemExit(f"{file} takes other numbers than pixels: they are {distance} apart.")
    return dequantize(pixels, spec)


def _table(proofs: list[Proof], images: int) -> Table:
    table = Table(title=f"MediaPipe {VERSION} beside TFLiteModel, {images} images")
    table.add_column("file", overflow="fold")
    for title in ("same label", "largest difference", "allowed"):
        table.add_column(title, justify="right")
    for proof in proofs:
        table.add_row(
            proof.file.name,
            "no labels" if proof.labels is None else f"{proof.labels} of {images}",
            f"{proof.difference:.2g}",
            f"{proof.tolerance:.2g}",
        )
    return table


if __name__ == "__main__":
    main()
