"""Do two photographs show one person: the published networks, put together as they fit."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from keras_cv_course._validation import check_positive
from keras_cv_course.data.image_sources import as_photographs, with_channels
from keras_cv_course.detectors.detector import Detector as BoxDetector
from keras_cv_course.faces.dense_face_networks import FaceLandmarkNetwork
from keras_cv_course.faces.detection import Detector, Face, find_face
from keras_cv_course.faces.dlib_chips import dlib_chip
from keras_cv_course.faces.dlib_encoder import DlibFaceEncoder
from keras_cv_course.faces.face_detectors import SSDFaceDetector
from keras_cv_course.faces.landmark_finder import find_landmarks
from keras_cv_course.faces.network_detection import network_detector

# Published for dlib's encoder and its own chips; it was not chosen on photographs of this project.
DLIB_DISTANCE = 0.6
_LEAST_SCORE = 0.3
_BRIGHTEST = 255.0

Predict = Callable[[np.ndarray], Any]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class FaceComparison:
    """The answer for two photographs.

    Attributes:
        same: Whether both show one person: whether the distance is below the threshold.
        distance: Euclidean distance of the two vectors, at least 0.
        similarity: Their cosine, in [-1, 1]. That of two strangers is high for this encoder.
        threshold: What the distance must be below.
        box_a: The face in the first photograph, xyxy in its pixels.
        box_b: The face in the second.
    """

    same: bool
    distance: float
    similarity: float
    threshold: float
    box_a: Box
    box_b: Box

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them."""
        return asdict(self)


@dataclass(frozen=True)
class FaceRecognizer:
    """An encoder with all that it needs to see a face as in its training.

    Each part may be a Keras model's `predict_on_batch` or a `TFLiteModel`.

    Attributes:
        encode: Takes chips `(1, 150, 150, 3)`, pixels of 0 to 255, and gives vectors `(1, n)`, as
            `DlibFaceEncoder`.
        detector: What finds faces.
        landmarks: Takes faces `(1, 112, 112, 3)` and gives `(1, 136)`, as `FaceLandmarkNetwork`.
        threshold: Largest distance of one person.

    Raises:
        ValueError: If the threshold is not above 0.

    Example:
        >>> files = FaceRecognizer(TFLiteModel("dlib_int8.tflite"), detector, landmarks)
        >>> files.verify("a.jpg", "b.jpg").same
        True
    """

    encode: Predict
    detector: Detector
    landmarks: Predict
    threshold: float = DLIB_DISTANCE

    def __post_init__(self) -> None:
        check_positive("threshold", self.threshold)

    def embed(self, photograph: Any, largest: bool = False) -> tuple[np.ndarray, Face]:
        """Returns the vector of the face in a photograph, float32 `(n,)`, and where the face is.

        Args:
            photograph: A path, a PIL image, or an array of pixels of 0 to 255, grey or RGB.
            largest: Whether the largest of several faces is taken.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no image, or there is no face in it, or several and `largest` is
                False.
        """
        image = _pixels(photograph)
        face = find_face(image, self.detector, largest)
        chip = dlib_chip(image, find_landmarks(image, face, self.landmarks))
        vectors = np.asarray(self.encode(chip[None].astype(np.float32)), np.float32)
        if vectors.ndim != 2 or len(vectors) != 1:
            raise ValueError(
                f"`encode` must give a vector for a face, (1, n). Received: {vectors.shape}."
            )
        return vectors[0], face

    def verify(self, image_a: Any, image_b: Any, largest: bool = False) -> FaceComparison:
        """Returns whether two photographs show one person.

        Takes and raises what `embed` does; an error names the photograph where it is a file.
        """
        (a, face_a), (b, face_b) = (self._named(image, largest) for image in (image_a, image_b))
        distance = float(np.linalg.norm(a - b))
        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
        similarity = float(np.clip(a @ b / lengths, -1, 1)) if lengths else 0.0
        return FaceComparison(
            distance < self.threshold,
            distance,
            similarity,
            self.threshold,
            face_a.box_xyxy,
            face_b.box_xyxy,
        )

    def _named(self, photograph: Any, largest: bool) -> tuple[np.ndarray, Face]:
        try:
            return self.embed(photograph, largest)
        except ValueError as error:
            name = os.fspath(photograph) if isinstance(photograph, str | os.PathLike) else ""
            if not name or str(name) in str(error):
                raise
            raise ValueError(f"{name}: {error}") from error


def pretrained_recognizer(weights: str | os.PathLike[str] = "pretrained") -> FaceRecognizer:
    """Returns the published networks put together; they are built once.

    These are `SSDFaceDetector`, `FaceLandmarkNetwork` and `DlibFaceEncoder`.

    Args:
        weights: "pretrained", which fetches 12 MB once, or the folder of the files; see
            `faces.published_weights` for their licence and terms.

    Raises:
        FileNotFoundError: If a file is missing.
        OSError: If the weights cannot be fetched.
        ValueError: If a file is not the published one.
    """
    return _put_together(os.fspath(weights))


@lru_cache(maxsize=1)
def _put_together(weights: str) -> FaceRecognizer:
    boxes = BoxDetector(SSDFaceDetector(weights), ["face"], score_threshold=_LEAST_SCORE)
    return FaceRecognizer(
        DlibFaceEncoder(weights).predict_on_batch,
        network_detector(boxes),
        FaceLandmarkNetwork(weights=weights).predict_on_batch,
    )


def verify(
    image_a: Any,
    image_b: Any,
    largest: bool = False,
    weights: str | os.PathLike[str] = "pretrained",
) -> FaceComparison:
    """Returns whether two photographs show one person, by the published networks.

    Args:
        image_a: A path, a PIL image, or an array of pixels of 0 to 255, grey or RGB.
        image_b: Another.
        largest: Whether the largest of several faces is taken.
        weights: As in `pretrained_recognizer`.

    Raises:
        FileNotFoundError: If a file is missing.
        OSError: If the weights cannot be fetched.
        ValueError: If a photograph cannot be read, or shows no face or several.

    Example:
        >>> verify("a.jpg", "b.jpg").same
        True
    """
    return pretrained_recognizer(weights).verify(image_a, image_b, largest)


def _pixels(photograph: Any) -> np.ndarray:
    """Returns one photograph, uint8 RGB `(height, width, 3)`."""
    photographs = list(as_photographs(photograph))
    if len(photographs) != 1:
        raise ValueError(f"There must be one photograph. Received: {len(photographs)}.")
    pixels = with_channels(photographs[0].pixels, 3)
    if pixels.dtype == np.uint8:
        return pixels
    if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > _BRIGHTEST:
        raise ValueError(
            "The pixels of a photograph must be 0 to 255. Received: values from "
            f"{pixels.min()} to {pixels.max()}."
        )
    return np.round(pixels).astype(np.uint8)
