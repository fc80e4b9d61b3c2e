"""Takes a trained model to the C source that a microcontroller's firmware is built with.

    python export/microcontroller.py model.keras --images photos --out firmware
    python export/microcontroller.py                  # a small network, trained on digits first

Writes `<name>.tflite` (int8 throughout) and `model_data.h` and `.cc`: its bytes, the arena that it
needs, scales and sizes, and one image with its scores to compare on the board. tflite-micro, the
board's own runtime, runs the file beside LiteRT's reference kernels where it is installed.
"""

import argparse
from pathlib import Path

import numpy as np
from built_in import open_model

from keras_cv_course.devices.c_source import Golden, write_c_source
from keras_cv_course.devices.microcontroller import (
    is_micro_installed,
    run_on_micro,
    smallest_arena,
)
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.tflite.target_check import TargetReport, check
from keras_cv_course.tflite.tensors import quantize

_IMAGES = 16  # reference kernels are slow
# What the runtime keeps beside the activations is at most a sixth of the file in our networks, and
# this much more in tiny ones.
_KEPT_SHARE = 6
_KEPT_BYTES = 2048


def main() -> None:
    """Parses the command line, converts, proves, and writes the source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="a .keras file that takes one image")
    parser.add_argument("--images", type=Path, help="folder of typical images")
    parser.add_argument("--input-range", type=float, nargs=2, help="values that the model takes")
    parser.add_argument("--out", type=Path, default=Path("firmware"), help="folder to write")
    options = parser.parse_args()

    opened = open_model(options.model, options.images, options.input_range)
    file = options.out / f"{opened.model.name}.tflite"
    convert(
        opened.model,
        file,
        calibration_data=opened.images,
        input_range=opened.input_range,
        target="microcontroller",
    )
    report = check(file, "microcontroller")
    print(report)
    if not report.ok:
        raise SystemExit("A microcontroller does not take this file: see the problems above.")
    arena_bytes, golden = _prove(report, opened.images[:_IMAGES])
    for written in write_c_source(file, options.out, arena_bytes, golden=golden):
        print(f"wrote {written}")


def _prove(report: TargetReport, images: np.ndarray) -> tuple[int, Golden]:
    """Returns the arena that the file needs, and an image with its scores as the file has them."""
    file = report.path
    reference = TFLiteModel(file, kernels="reference")
    numbers = quantize(images, reference.inputs[0])
    # The board's runtime first: where it crashes, the reference kernels would end this process.
    run = run_on_micro(file, numbers) if is_micro_installed() else None
    results = reference.predict(images)
    named = results if isinstance(results, dict) else {reference.outputs[0].name: results}
    expected = [quantize(named[spec.name], spec) for spec in reference.outputs]
    golden = Golden([numbers[:1]], [output[:1] for output in expected])
    if run is None:
        planned = report.memory.bytes + _KEPT_BYTES + file.stat().st_size // _KEPT_SHARE
        print("tflite-micro is not installed (pip install 'keras-cv-course[micro]'):")
        print(f"arena of {planned:,} B by plan, not measured; scores of LiteRT's kernels")
        return planned, golden
    pairs = zip(run.outputs, expected, strict=True)
    steps = max(int(np.abs(actual.astype(int) - output).max()) for actual, output in pairs)
    arena_bytes = smallest_arena(file)
    print(f"tflite-micro: {len(images)} images, at most {steps} steps from LiteRT's kernels")
    print(f"arena: {run.head_bytes:,} B activations + {run.tail_bytes:,} B structures here")
    print(f"smallest that works: {arena_bytes:,} B")
    return arena_bytes, Golden(golden.inputs, [output[:1] for output in run.outputs])


if __name__ == "__main__":
    main()
