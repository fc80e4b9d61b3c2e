"""Converts a trained model for Arm's Ethos-U, and reports what each processor needs.

    python export/accelerator.py model.keras --images photos --input-range -1 1 --out exported

Without a model it trains a small one on digits. Writes `<name>_int8.tflite`, and what Vela makes of
it for each processor, `<name>_<accelerator>_vela.tflite`, and prints Vela's report. Nothing runs on
a processor: the cycles are Vela's "internal compiler estimates".
"""

import argparse
from pathlib import Path

from built_in import open_model

from keras_cv_course.devices.npu import ACCELERATORS, compile_for_npu, npu_table
from keras_cv_course.tflite import compare, convert


def main() -> None:
    """Parses the command line, converts, compiles and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="a .keras file that takes one image")
    parser.add_argument("--images", type=Path, help="folder of typical images")
    parser.add_argument(
        "--input-range",
        type=float,
        nargs=2,
        help="smallest and largest value that the model takes",
    )
    parser.add_argument(
        "--accelerators",
        nargs="+",
        choices=tuple(ACCELERATORS),
        default=list(ACCELERATORS),
        metavar="NAME",
        help=f"processors, of {', '.join(ACCELERATORS)}",
    )
    parser.add_argument("--out", type=Path, default=Path("exported"), help="folder to write")
    options = parser.parse_args()

    opened = open_model(options.model, options.images, options.input_range)
    name = options.model.stem if options.model else opened.model.name
    file = options.out / f"{name}_int8.tflite"
    convert(
        opened.model,
        file,
        calibration_data=opened.images,
        class_names=opened.class_names,
        input_range=opened.input_range,
        target="accelerator",
    )
    print(compare(opened.model, file, opened.images))
    reports = [
        compile_for_npu(file, accelerator, options.out / f"{name}_{accelerator}_vela.tflite")
        for accelerator in options.accelerators
    ]
    print(npu_table(reports))


if __name__ == "__main__":
    main()
