"""Finds faces with a detection network, and tries harder where it sees none at first."""

from collections.abc import Sequence

import numpy as np

from keras_cv_course._validation import check_rate
from keras_cv_course.detectors.detector import Detector as BoxDetector
from keras_cv_course.faces.alignment import as_pil_image
from keras_cv_course.faces.detection import Detector, Face

_LOWER = 0.6  # times the score threshold, for the second try
_BORDER = 0.55  # of the shorter side


def network_detector(
    model: "BoxDetector", score_threshold: float = 0.5, patient: bool = True
) -> Detector:
    """Returns a detector of faces from one of boxes, for `find_face`, `FaceReader` and others.

    Args:
        model: A `Detector` of one class, e.g. on `SSDFaceDetector`, whose own threshold is at most
            0.6 times this one.
        score_threshold: Smallest score of a face, at least 0 and below 1.
        patient: Whether an image without a face is looked at again with a border that repeats its
            edge, which shows heads that fill the picture, and then with 0.6 times the threshold.

    Raises:
        ValueError: If the model has several classes, or its threshold is too high.

    Example:
        >>> boxes = Detector(SSDFaceDetector("pretrained"), score_threshold=0.3)
        >>> find_face(read_photograph("ada.jpg"), network_detector(boxes)).score
        0.99
    """
    check_rate("score_threshold", score_threshold)
    if model.spec.classes != 1:
        raise ValueError(
            "`model` must be a detector of one class, faces. "
            f"Received: one of {model.spec.classes} classes."
        )

    def detect(image: np.ndarray) -> list[Face]:
        as_pil_image(image)  # raises unless it is a photograph
        pixels = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image
        seen = _faces(model, pixels)
        found = _above(seen, score_threshold)
        if found or not patient:
            return found
        border = round(_BORDER * min(pixels.shape[:2]))
        padded = np.pad(pixels, ((border, border), (border, border), (0, 0)), "edge")
        bordered = _faces(model, padded, border, pixels.shape[:2])
        return (
            _above(bordered, score_threshold)
            or _above(seen, _LOWER * score_threshold)
            or _above(bordered, _LOWER * score_threshold)
        )

    return detect


def _faces(
    model: "BoxDetector",
    pixels: np.ndarray,
    border: int = 0,
    size_px: tuple[int, ...] | None = None,
) -> list[Face]:
    """Returns faces in pixels of the image without its border, cut off at its edge."""
    height, width = size_px or pixels.shape[:2]
    found = model.predict([pixels])[0]
    boxes = np.clip(found["boxes"] - border, 0, (width, height, width, height))
    faces = [
        Face((float(x0), float(y0), float(x1), float(y1)), float(score))
        for (x0, y0, x1, y1), score in zip(boxes, found["scores"], strict=True)
    ]
    return [face for face in faces if face.area > 0]


def _above(faces: Sequence[Face], score: float) -> list[Face]:
    return [face for face in faces if face.score >= score]
