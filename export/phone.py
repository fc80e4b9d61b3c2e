"""Takes a trained model to the two files that a phone app chooses from, and proves them.

    python export/phone.py model.keras --pictures photos --input-range -1 1 --out exported

Writes `<name>_uint8.tflite` (int8 inside, pixels of 0 to 255 in, uint8 scores out) and
`<name>_float16.tflite`, compares both with the model on the pictures and times them.
"""

import argparse
from pathlib import Path

from keras_cv_course import load_model
from keras_cv_course.data import calibration_array
from keras_cv_course.tflite import benchmark, compare, convert


def main() -> None:
    """Parses the command line, converts, and prints comparison and times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a .keras file that takes one picture")
    parser.add_argument("--pictures", required=True, help="folder of typical pictures")
    parser.add_argument(
        "--input-range",
        type=float,
        nargs=2,
        default=(-1.0, 1.0),
        help="smallest and largest value that the model takes",
    )
    parser.add_argument("--out", type=Path, default=Path("exported"), help="folder to write")
    options = parser.parse_args()

    model = load_model(options.model)
    shape = tuple(model.inputs[0].shape[1:])
    input_range = tuple(options.input_range)
    pictures = calibration_array(options.pictures, shape, input_range, limit=200)
    stem = options.out / options.model.stem
    files = [
        convert(
            model,
            f"{stem}_uint8.tflite",
            calibration_data=pictures,
            input_range=input_range,
            target="phone",
        ).path,
        convert(
            model, f"{stem}_float16.tflite", "float16", input_range=input_range, target="phone"
        ).path,
    ]
    for file in files:
        print(compare(model, file, pictures))
    print(benchmark(files))


if __name__ == "__main__":
    main()
