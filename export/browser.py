"""Takes a trained model to a static web page that classifies images on the visitor's device.

    python export/browser.py model.keras --images photos --labels names.txt --out page
    python export/browser.py                          # a small network, trained on digits first

Writes a folder with the model (int8 inside, pixels in), the page, and LiteRT.js, which npm fetches
once. Any web server can serve it; no image leaves the browser.
"""

import argparse
import tempfile
from pathlib import Path

from built_in import open_model

from keras_cv_course.devices.browser import write_browser_app
from keras_cv_course.tflite import compare, convert


def main() -> None:
    """Parses the command line, converts, and writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="a .keras file that takes one image")
    parser.add_argument("--images", type=Path, help="folder of typical images")
    parser.add_argument("--labels", type=Path, help="text file with the name of a class a line")
    parser.add_argument("--input-range", type=float, nargs=2, help="values that the model takes")
    parser.add_argument("--runtime", type=Path, help="a node_modules folder that has LiteRT.js")
    parser.add_argument("--out", type=Path, default=Path("page"), help="folder to write")
    options = parser.parse_args()

    opened = open_model(options.model, options.images, options.input_range, options.labels)
    name = options.model.stem if options.model else opened.model.name
    with tempfile.TemporaryDirectory() as folder:
        file = convert(
            opened.model,
            Path(folder) / f"{name}.tflite",
            calibration_data=opened.images,
            class_names=opened.class_names,
            input_range=opened.input_range,
            target="browser",
        ).path
        print(compare(opened.model, file, opened.images))
        written = write_browser_app(
            file,
            options.out,
            opened.input_range,
            class_names=opened.class_names,
            runtime=options.runtime,
        )
    serve = f"python -m http.server --bind 127.0.0.1 --directory {options.out}"
    print(f"wrote {written}; see it with: {serve}")


if __name__ == "__main__":
    main()
