"""Writes a folder that any static server turns into a page: a classifier that runs in the browser.

The page runs the file with LiteRT.js in WebAssembly. It fetches only the folder's own
files, which its Content-Security-Policy enforces, and sends no image anywhere.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_cv_course._atomic import write_atomic
from keras_cv_course._validation import check_choice
from keras_cv_course.tflite.inspection import ModelReport, inspect
from keras_cv_course.tflite.tensors import TensorSpec, quantize

VERSION = "2.5.3"
PACKAGES = ("@litertjs/core", "@litertjs/wasm-utils")
WEB = Path(__file__).with_name("web")
_PAGE = ("index.html", "page.css", "page.js", "classifier.js", "icon.svg")
# Browsers without relaxed SIMD, older Safari among them, load the second pair.
_WASM = tuple(
    f"litert_wasm{kind}_internal.{ending}" for kind in ("", "_compat") for ending in ("js", "wasm")
)
_DTYPES = ("uint8", "float32")
_ACTIVATIONS = ("none", "softmax")
_PROBABILITIES = ("SOFTMAX", "LOGISTIC")
_PASSED_OVER = ("QUANTIZE", "DEQUANTIZE", "RESHAPE")
_NPM_TIMEOUT_S = 300.0


def write_browser_app(
    path_tflite: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    input_range: tuple[float, float],
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    activation: str | None = None,
    runtime: str | os.PathLike[str] | None = None,
) -> Path:
    """Returns the folder that now holds a page which classifies images with a .tflite file.

    The page takes an image from a file or the camera, crops it to the proportions of the input
    around its centre, and shows the five most probable classes. The folder needs no server logic:
    `python -m http.server --bind 127.0.0.1 --directory <folder>` is enough. The camera needs
    https or localhost.

    Args:
        path_tflite: A file with batch 1, one image of 1 or 3 channels in and one score a class
            out, both uint8 or float32.
        folder: Folder to write. Files of an earlier page in it are replaced, one by one.
        input_range: Smallest and largest value that the network takes, for pixels 0 and 255, in
            real values, e.g. (-1.0, 1.0); the file's own scale comes on top of it.
        class_names: Names of the classes, in order. None takes the file's, or else numbers.
        title: Heading of the page. None is the file's name.
        activation: "softmax" for scores that are logits, "none" for ones that are probabilities.
            None is "none" for a file that ends in a softmax or sigmoid, else "softmax".
        runtime: A `node_modules` folder that holds LiteRT.js, see `install_runtime`. None gets it
            from npm.

    Raises:
        ValueError: If the file cannot run in a browser, another argument is wrong, or `runtime`
            does not hold LiteRT.js 2.5.3.
        RuntimeError: If npm is missing or fails.

    Example:
        >>> write_browser_app("model_uint8.tflite", "app", (-1.0, 1.0))
    """
    path_tflite, folder = Path(path_tflite), Path(folder)
    report = inspect(path_tflite)
    described = _describe(report, input_range, class_names, title, activation)
    if runtime is None:
        with tempfile.TemporaryDirectory() as temporary:
            copy_runtime(install_runtime(temporary), folder / "runtime")
    else:
        copy_runtime(runtime, folder / "runtime")
    for name in _PAGE:
        write_atomic(folder / name, (WEB / name).read_bytes())
    write_atomic(folder / described["file"], path_tflite.read_bytes())
    write_atomic(folder / "model.json", json.dumps(described, ensure_ascii=False) + "\n")
    return folder


def install_runtime(folder: str | os.PathLike[str]) -> Path:
    """Returns the `node_modules` folder that now holds LiteRT.js, from npm.

    Args:
        folder: Folder to install in. No script of a package runs.

    Raises:
        RuntimeError: If npm is missing or fails.
    """
    folder = Path(folder)
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            "npm, which installs LiteRT.js, is not on the PATH. Install Node.js 20 or newer, or "
            "pass `runtime`, a node_modules folder with "
            f"{' and '.join(f'{name}@{VERSION}' for name in PACKAGES)}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "package.json", '{"private": true}\n')
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    done = subprocess.run(
        [npm, "install", *flags, *(f"{name}@{VERSION}" for name in PACKAGES)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_NPM_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm could not install LiteRT.js {VERSION}:\n{done.stderr.strip()}")
    return folder / "node_modules"


def copy_runtime(runtime: str | os.PathLike[str], folder: Path) -> Path:
    """Returns the folder that now holds what a page needs of LiteRT.js, `litert.js` to import.

    Args:
        runtime: A `node_modules` folder.
        folder: Folder to write.

    Raises:
        ValueError: If `runtime` does not hold the version that this module knows.
    """
    core, wasm_utils = (Path(runtime) / name for name in PACKAGES)
    for package in (core, wasm_utils):
        _check_version(package)
    module = (core / "dist" / "index.js").read_text(encoding="utf-8")
    bare = f'"{PACKAGES[1]}"'
    if module.count(bare) != 1:
        raise ValueError(f"{core} must import {bare} once. Found {module.count(bare)} imports.")
    # A relative import, since an import map would be an inline script, which the policy forbids.
    write_atomic(folder / "litert.js", _without_map(module.replace(bare, '"./wasm_utils.js"')))
    utils = (wasm_utils / "dist" / "index.js").read_text(encoding="utf-8")
    write_atomic(folder / "wasm_utils.js", _without_map(utils))
    for name in _WASM:
        write_atomic(folder / name, (core / "wasm" / name).read_bytes())
    # The packages come without the text of their licence.
    write_atomic(folder / "LICENSE", (WEB / "apache_license.txt").read_bytes())
    write_atomic(folder / "NOTICE", _notice())
    return folder


def _check_version(package: Path) -> None:
    file = package / "package.json"
    if not file.is_file():
        raise ValueError(
            f"`runtime` must be a node_modules folder with {', '.join(PACKAGES)}. There is no "
            f"{file}. Get one with `install_runtime`."
        )
    version = json.loads(file.read_text(encoding="utf-8"))["version"]
    if version != VERSION:
        raise ValueError(
            f"`runtime` must hold version {VERSION} of {package.name}. Found {version}. "
            "Get it with `install_runtime`."
        )


def _without_map(module: str) -> str:
    lines = module.splitlines()
    return "\n".join(line for line in lines if not line.startswith("//# sourceMapping")) + "\n"


def _notice() -> str:
    packages = "\n".join(f"{name} {VERSION}" for name in PACKAGES)
    return (
        f"{packages}\n\nLiteRT.js, https://github.com/google-ai-edge/LiteRT, by Google, under the "
        "Apache License 2.0 (LICENSE).\nChanged: one import in litert.js names a file instead of a "
        "package, and comments that point to source maps are left out.\n"
    )


def _describe(
    report: ModelReport,
    input_range: tuple[float, float],
    class_names: Sequence[str] | None,
    title: str | None,
    activation: str | None,
) -> dict[str, Any]:
    """Returns what the page has to know of the file, as JSON holds it."""
    image, scores = _check_tensors(report)
    if activation is not None:
        check_choice("activation", activation, _ACTIVATIONS)
    classes = scores.shape[-1]
    names = class_names or report.class_names or [f"class {i}" for i in range(classes)]
    if isinstance(names, str) or len(names) != classes:
        raise ValueError(
            f"`class_names` must have one name for each of the {classes} classes of "
            f"{report.path}. Received: {len(names)} names."
        )
    low, high = input_range
    if not low < high:
        raise ValueError(f"`input_range` must be (low, high), low < high. Received: {input_range}.")
    real = low + np.arange(256, dtype=np.float32) * np.float32((high - low) / 255)
    _, height, width, channels = image.shape
    return {
        "title": title or report.path.stem.replace("_", " "),
        "file": "model.tflite",
        "bytes": report.bytes,
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "dtype": image.dtype,
            # The number in the file for each value that a pixel can have.
            "values": quantize(real, image).tolist(),
        },
        "output": {
            "scale": scores.scale,
            "zeroPoint": scores.zero_point,
            "softmax": (activation or _usual_activation(report)) == "softmax",
        },
        "labels": list(names),
    }


def _check_tensors(report: ModelReport) -> tuple[TensorSpec, TensorSpec]:
    problem = None
    tensors = (*report.inputs, *report.outputs)
    if (len(report.inputs), len(report.outputs)) != (1, 1):
        problem = f"has {len(report.inputs)} inputs and {len(report.outputs)} outputs"
    elif any(tensor.dtype not in _DTYPES for tensor in tensors):
        problem = f"takes {tensors[0].dtype} and gives {tensors[1].dtype}"
    elif len(tensors[0].shape) != 4 or tensors[0].shape[-1] not in (1, 3):
        problem = f"takes the shape {tensors[0].shape}"
    elif any(tensor.shape[0] != 1 for tensor in tensors) or len(tensors[1].shape) != 2:
        problem = f"takes {tensors[0].shape} and gives {tensors[1].shape}"
    if problem is not None:
        raise ValueError(
            "`path_tflite` must be a file for a browser: one image (1, height, width, 1 or 3) "
            f"in, scores (1, classes) out, both uint8 or float32. {report.path} {problem}. Convert "
            'the model with io_dtype="uint8" or "float32".'
        )
    return tensors[0], tensors[1]


def _usual_activation(report: ModelReport) -> str:
    computing = [name for name in report.operators if name not in _PASSED_OVER]
    return "none" if computing and computing[-1] in _PROBABILITIES else "softmax"
