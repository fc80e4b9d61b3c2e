"""Finds what the words on the command line stand for: encoders, and faces for them."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from keras_cv_course.cli.sources import open_classifier
from keras_cv_course.data import load_pictures
from keras_cv_course.data.dataset import rescale
from keras_cv_course.data.images import picture_files
from keras_cv_course.faces.detection import (
    Detector,
    cut_out,
    find_face,
    haar_detector,
    yunet_detector,
)

# What `faces evaluate` writes beside a model, and the other commands read.
REPORT = "verification.json"
_WHOLE = "none"
_HAAR = "haar"


@dataclass(frozen=True)
class Encoder:
    """An encoder, and how pictures are made ready for it.

    Attributes:
        path: Its file.
        predict: Takes float32 pictures `(n, height, width, channels)`, returns `(n, d)`.
        input_shape: (height, width, channels).
        input_range: Smallest and largest value that it takes.
        detector: What finds faces; None takes pictures whole.
        detector_name: What was typed for it.
        largest: Whether the largest of several faces is taken.
        threshold: Smallest similarity of one person; None where nothing tells.
    """

    path: Path
    predict: Callable[[np.ndarray], Any]
    input_shape: tuple[int, int, int]
    input_range: tuple[float, float]
    detector: Detector | None
    detector_name: str
    largest: bool
    threshold: float | None

    def need_threshold(self) -> float:
        """Returns `threshold`.

        Raises:
            ValueError: If nothing tells it.
        """
        if self.threshold is None:
            raise ValueError(
                f"Nothing tells how alike two faces of one person are to {self.path}: there is no "
                f"{REPORT} beside it. Say it with --threshold, or measure it with "
                "`keras-cv-course faces evaluate`."
            )
        return self.threshold

    def read(self, image: Path) -> np.ndarray:
        """Returns the face in a file as the encoder takes it, `(height, width, channels)`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it cannot be decoded, or does not show one face.
        """
        if self.detector is None:
            return load_pictures([image], self.input_shape, self.input_range)[0]
        return self.face_in(_photograph(image))

    def face_in(self, photograph: np.ndarray) -> np.ndarray:
        """Returns the face in a photograph, uint8 RGB, as the encoder takes it."""
        if self.detector is not None:
            face = find_face(photograph, self.detector, self.largest)
            photograph = cut_out(photograph, face, max(self.input_shape[:2]))
        if self.input_shape[2] == 1:
            photograph = np.asarray(Image.fromarray(photograph).convert("L"))[..., None]
        resized = keras.preprocessing.image.smart_resize(photograph, self.input_shape[:2])
        return np.asarray(rescale(self.input_range)(resized))

    def embed(self, image: Path) -> np.ndarray:
        """Returns the embedding `(d,)` of the face in a file; raises as `read` does."""
        return np.asarray(self.predict(self.read(image)[None]))[0]


def open_encoder(
    path: str,
    input_range: tuple[float, float] | None = None,
    detector: str | None = None,
    largest: bool = False,
    threshold: float | None = None,
) -> Encoder:
    """Returns the encoder in a file, with what `verification.json` beside it tells.

    Args:
        path: A .keras or .tflite file.
        input_range: Values that it takes; None looks at what the file or args.yaml tells.
        detector: "haar", "none" or an .onnx file; None is what `verification.json` tells, or none.
        largest: Whether the largest of several faces is taken.
        threshold: Smallest similarity of one person; None is what `verification.json` tells.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no model that makes a vector of a picture, or its values are unknown.
    """
    opened = open_classifier(path, input_range)
    if opened.input_shape[2] not in (1, 3):
        raise ValueError(f"{path} must take grey or RGB pictures. It takes {opened.input_shape}.")
    embedding = opened.predict(np.zeros((1, *opened.input_shape), np.float32))
    if not hasattr(embedding, "shape") or len(embedding.shape) != 2:
        raise ValueError(f"{path} is no encoder: it must make one vector of a picture.")
    report = opened.path.parent / REPORT
    told = json.loads(report.read_text()) if report.is_file() else {}
    name = detector or told.get("detector", _WHOLE)
    return Encoder(
        path=opened.path,
        predict=opened.predict,
        input_shape=opened.input_shape,
        input_range=opened.need_range(),
        detector=_detector(name),
        detector_name=name,
        largest=largest,
        threshold=told.get("threshold") if threshold is None else threshold,
    )


def pictures_below(paths: Iterable[Path]) -> list[Path]:
    """Returns files as they are, and for each folder the pictures in it.

    Raises:
        ValueError: If a folder holds no picture.
    """
    found: list[Path] = []
    for path in paths:
        files = [Path(file) for file in picture_files(path)] if path.is_dir() else [path]
        if not files:
            raise ValueError(f"There is no picture in {path}.")
        found += files
    return found


def _detector(name: str) -> Detector | None:
    if name == _WHOLE:
        return None
    return haar_detector() if name == _HAAR else yunet_detector(name)


def _photograph(path: Path) -> np.ndarray:
    """Returns a photograph upright, uint8 RGB."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no picture {path}.")
    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{path} cannot be decoded: {error}") from error
