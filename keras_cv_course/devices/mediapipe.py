"""Runs a .tflite file in MediaPipe Tasks, as an app on a phone does.

MediaPipe's requirements exclude tensorflow-model-optimization's, so it lives in a virtual
environment of its own, whose Python is started for each file. It loads libraries of the system
that a bare Debian 12 lacks: `apt-get install libegl1 libgles2 libgl1 libglib2.0-0`.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_cv_course._validation import check_choice, check_positive

VERSION = "1.2.2"
PYTHON_VARIABLE = "KERAS_CV_COURSE_MEDIAPIPE"
_DEFAULT_PYTHON = Path(".venv-mediapipe", "bin", "python")
_CHILD = Path(__file__).with_name("_mediapipe_child.py")
_MOST_STDERR_CHARACTERS = 500


@dataclass(frozen=True)
class Category:
    """A class that MediaPipe names.

    Attributes:
        index: Number of the class; None where MediaPipe gives none.
        label: Its name, from the file; None where the file has no names.
        score: Its score.
    """

    index: int | None
    label: str | None
    score: float


@dataclass(frozen=True)
class Classification:
    """What an ImageClassifier says of an image.

    Attributes:
        categories: All classes, the most probable first.
    """

    categories: tuple[Category, ...]


@dataclass(frozen=True)
class Embedding:
    """What an ImageEmbedder says of an image.

    Attributes:
        vector: Array `(features,)`.
    """

    vector: np.ndarray


@dataclass(frozen=True)
class Segmentation:
    """What an ImageSegmenter says of an image.

    Attributes:
        categories: uint8 `(height, width)`, the class of each pixel of the image.
        confidences: float32 `(height, width, classes)`, the file's scores after the activation
            that its metadata names.
    """

    categories: np.ndarray
    confidences: np.ndarray


@dataclass(frozen=True)
class Detection:
    """An object that an ObjectDetector finds.

    Attributes:
        box_xyxy: Left, top, right and bottom in pixels of the image, whole numbers.
        category: Its class.
    """

    box_xyxy: tuple[float, float, float, float]
    category: Category


@dataclass(frozen=True)
class Detections:
    """What an ObjectDetector says of an image.

    Attributes:
        objects: What it finds, in MediaPipe's order.
    """

    objects: tuple[Detection, ...]


Answer = Classification | Embedding | Segmentation | Detections
_Arrays = Mapping[str, np.ndarray]


def find_python(folder: str | os.PathLike[str] = ".") -> Path:
    """Returns the Python of the environment that has MediaPipe.

    It is the one that the environment variable `KERAS_CV_COURSE_MEDIAPIPE` names, or else
    `.venv-mediapipe/bin/python`.

    Args:
        folder: Where `.venv-mediapipe` is looked for.

    Raises:
        FileNotFoundError: If it is not there; the message says how to install it.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    python = Path(named) if named else Path(folder) / _DEFAULT_PYTHON
    if not python.is_file():
        raise FileNotFoundError(
            f"MediaPipe's Python must be at {python}. Received: no such file. Install it with "
            f"`python -m venv .venv-mediapipe && .venv-mediapipe/bin/pip install "
            f"mediapipe=={VERSION}`, or name another Python in {PYTHON_VARIABLE}."
        )
    return python


def run_mediapipe(
    python: str | os.PathLike[str],
    task: str,
    path: str | os.PathLike[str],
    images: np.ndarray,
    timeout_s: float = 120,
) -> list[Answer]:
    """Returns MediaPipe's results for images, with the file as the only input.

    The package mediapipe reports its use to Google: it looks up play.googleapis.com, and sends
    if it gets through.

    Args:
        python: A Python that can import mediapipe, see `find_python`.
        task: "classifier", "embedder", "segmenter" or "detector".
        path: A .tflite file.
        images: uint8 RGB `(n, height, width, 3)`; MediaPipe resizes them to the model's size.
        timeout_s: Seconds until MediaPipe is stopped; some failed graphs never end.

    Returns:
        A `Classification`, `Embedding`, `Segmentation` or `Detections` an image.

    Raises:
        FileNotFoundError: If `python` or `path` is not there.
        ValueError: If MediaPipe refuses the file (the message is its own), dies of it, or is not
            done in time; or if another argument is wrong.

    Example:
        >>> answer = run_mediapipe(find_python(), "classifier", "model.tflite", images)[0]
        >>> answer.categories[0].label
        'daisy'
    """
    check_choice("task", task, _READERS)
    check_positive("timeout_s", timeout_s)
    _check_images(images)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must name a .tflite file. Received: {path}.")
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name, part) for part in ("images.npz", "answers.npz", "error.txt")]
        np.savez(files[0], images=images)
        # -I: neither this folder's modules nor this environment's packages are MediaPipe's.
        command = [str(python), "-I", str(_CHILD), task, str(path.resolve()), *map(str, files)]
        done = _run(command, path, timeout_s)
        _, answers, error = files
        if error.exists():
            raise ValueError(f"MediaPipe refuses {path} as {task}: {error.read_text()}")
        if done.returncode or not answers.exists():
            raise ValueError(
                f"MediaPipe's process ended on {path} with exit code {done.returncode}: "
                f"{done.stderr.strip()[-_MOST_STDERR_CHARACTERS:]}"
            )
        with np.load(answers) as arrays:
            return [_READERS[task](_of_image(arrays, i)) for i in range(len(images))]


def _check_images(images: np.ndarray) -> None:
    shape, dtype = np.shape(images), np.asarray(images).dtype
    if len(shape) != 4 or shape[-1] != 3 or dtype != np.uint8:
        raise ValueError(
            "`images` must be a uint8 array of the shape (n, height, width, 3). "
            f"Received: {dtype} {shape}."
        )


def _run(command: list[str], path: Path, timeout_s: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"MediaPipe was still busy with {path} after {timeout_s:g} s and was stopped."
        ) from error


def _of_image(arrays: _Arrays, number: int) -> dict[str, np.ndarray]:
    prefix = f"{number}/"
    return {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}


def _categories(arrays: _Arrays) -> tuple[Category, ...]:
    columns = (arrays[key].tolist() for key in ("index", "label", "score"))
    return tuple(
        Category(index if index >= 0 else None, label or None, score)
        for index, label, score in zip(*columns, strict=True)
    )


def _detections(arrays: _Arrays) -> Detections:
    boxes = map(tuple, arrays["boxes"].tolist())
    return Detections(tuple(map(Detection, boxes, _categories(arrays))))


_READERS: dict[str, Callable[[_Arrays], Answer]] = {
    "classifier": lambda arrays: Classification(_categories(arrays)),
    "embedder": lambda arrays: Embedding(arrays["vector"]),
    "segmenter": lambda arrays: Segmentation(arrays["categories"], arrays["confidences"]),
    "detector": _detections,
}
