"""Finds faces in photographs, and cuts them out."""

import math
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_cv_course._child import child_command, child_environment
from keras_cv_course._reading import check_regular
from keras_cv_course._validation import check_rate, check_whole
from keras_cv_course.faces._extras import need
from keras_cv_course.faces.alignment import align_face, as_pil_image

_CASCADE = "haarcascade_frontalface_default.xml"
# Each pass of the cascade looks for faces larger by so much; a face counts if so many passes and
# shifts see it.
_SCALE_STEP = 1.1
_FEWEST_HITS = 5
# Larger photographs are shrunk for the search: a face that is seen at this size is large enough.
_LONGEST_SIDE_PX = 1024
_NMS_THRESHOLD = 0.3
_MOST_CANDIDATES = 5000
_TIMEOUT_S = 120


@dataclass(frozen=True)
class Face:
    """Where a face is in an image.

    Attributes:
        box_xyxy: Left, top, right and bottom in pixels of the image.
        score: How sure the detector is, in its own unit; higher is surer.
        landmarks: Eyes, tip of the nose and corners of the mouth `(5, 2)` in the order of
            `alignment.TEMPLATE`; None if the detector does not know them.
    """

    box_xyxy: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray | None = field(default=None, compare=False)

    @property
    def area(self) -> float:
        """Pixels in the box."""
        left, top, right, bottom = self.box_xyxy
        return (right - left) * (bottom - top)


# Takes an image, uint8 RGB (height, width, 3), and returns the faces in it.
Detector = Callable[[np.ndarray], Sequence[Face]]


def haar_detector(smallest_px: int = 40) -> Detector:
    """Returns a detector for upright frontal faces that needs no file: OpenCV's Haar cascade.

    It gives no landmarks. One thread at a time may call it.

    Args:
        smallest_px: Width of the smallest face, after the image was shrunk to 1024 pixels.

    Raises:
        ImportError: If OpenCV is not installed, or is version 5, which has no cascades.
        ValueError: If `smallest_px` is not above 0.

    Reference:
        "Rapid Object Detection using a Boosted Cascade of Simple Features", Viola and Jones,
        CVPR 2001.
    """
    check_whole("smallest_px", smallest_px)
    cv2 = need("cv2")
    if not hasattr(cv2, "CascadeClassifier"):
        raise ImportError(
            f"OpenCV {cv2.__version__} has no Haar cascades: pip install "
            "'opencv-python-headless<5', or give a model file to yunet_detector."
        )
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, _CASCADE)))

    def detect(image: np.ndarray) -> list[Face]:
        pil_image, shrinking = _shrunk(image)
        boxes, _, scores = cascade.detectMultiScale3(
            np.asarray(pil_image.convert("L")),
            scaleFactor=_SCALE_STEP,
            minNeighbors=_FEWEST_HITS,
            minSize=(smallest_px, smallest_px),
            outputRejectLevels=True,
        )
        return [
            Face(_xyxy(box, shrinking), float(score))
            for box, score in zip(boxes, scores, strict=True)
        ]

    return detect


def yunet_detector(path: str | os.PathLike[str], score_threshold: float = 0.8) -> Detector:
    """Returns a detector with landmarks, for a YuNet model file of yours.

    One thread at a time may call it.

    Args:
        path: An .onnx file of YuNet, e.g. `face_detection_yunet_2023mar.onnx` of OpenCV's model
            zoo. This package ships none.
        score_threshold: Smallest score of a face, at least 0 and below 1.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If OpenCV is not installed.
        ValueError: If OpenCV cannot read it, or `score_threshold` is out of its range. The detector
            raises it too, if the model gives anything but boxes and landmarks for an image.

    Reference:
        "YuNet: A Tiny Millisecond-level Face Detector", Wu et al., Machine Intelligence Research
        20 (2023).
    """
    check_rate("score_threshold", score_threshold)
    file = check_regular(Path(path).expanduser())
    cv2 = need("cv2")
    _check_in_child(file)
    options = (float(score_threshold), _NMS_THRESHOLD, _MOST_CANDIDATES)
    try:
        network = cv2.FaceDetectorYN.create(str(file), "", (320, 320), *options)
    except cv2.error as error:
        raise ValueError(f"{file} is not a model that OpenCV can read: {error}") from error

    def detect(image: np.ndarray) -> list[Face]:
        pil_image, shrinking = _shrunk(image)
        bgr = np.ascontiguousarray(np.asarray(pil_image.convert("RGB"))[..., ::-1])
        try:
            network.setInputSize(pil_image.size)
            _, rows = network.detect(bgr)
        except cv2.error as error:
            raise ValueError(f"{file} is not a YuNet for images of any size: {error}") from error
        if rows is not None and not np.isfinite(rows).all():
            raise ValueError(f"{file} finds boxes that are not finite: it is damaged.")
        # x, y, width, height; five points, first the eye on the left of the image; score.
        return [
            Face(
                _xyxy(row[:4], shrinking),
                float(row[14]),
                row[4:14].reshape(5, 2).astype(np.float64) * shrinking,
            )
            for row in ([] if rows is None else rows)
        ]

    return detect


def _check_in_child(file: Path) -> None:
    """Raises ValueError if a file crashes OpenCV, which trusts the shapes in it."""
    line = child_command("faces._detector_child", str(file))
    try:
        done = subprocess.run(
            line, env=child_environment(), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"{file} keeps OpenCV busy for more than {_TIMEOUT_S} s.") from error
    if done.returncode != 0:
        raise ValueError(f"{file} is not a model that OpenCV can run: it ends the process.")


def find_face(image: np.ndarray, detector: Detector, largest: bool = False) -> Face:
    """Returns the only face in an image.

    Args:
        image: uint8 RGB `(height, width, 3)`.
        detector: What finds faces: `haar_detector()`, `yunet_detector(path)`, or a function of
            yours.
        largest: Whether the largest is taken where there are several.

    Raises:
        ValueError: If there is no face, or there are several and `largest` is False.

    Example:
        >>> face = find_face(image, haar_detector())
        >>> crop = cut_out(image, face, 112)
    """
    faces = detector(image)
    if not faces:
        raise ValueError(
            "There is no face in the image. Give one that is upright, looks into the camera and "
            "is not too small."
        )
    if len(faces) > 1 and not largest:
        raise ValueError(
            f"There are {len(faces)} faces in the image. Cut it to one, or take the largest."
        )
    return max(faces, key=lambda face: face.area)


def cut_out(image: np.ndarray, face: Face, size_px: int, margin: float = 0.2) -> np.ndarray:
    """Returns the square image of a face: aligned if it has landmarks, else its box.

    Args:
        image: uint8 `(height, width, 3)`, or grey `(height, width)`.
        face: Where the face is.
        size_px: Height and width of the result.
        margin: Share of the box's longer side that is added all around; not used with landmarks.

    Returns:
        uint8 `(size_px, size_px, 3)` or `(size_px, size_px)`; black where `image` ends.

    Raises:
        TypeError: If `image` is not uint8.
        ValueError: If a shape or a size is wrong, or the box is empty.
    """
    if face.landmarks is not None:
        return align_face(image, face.landmarks, size_px)
    pil_image = as_pil_image(image)
    check_whole("size_px", size_px)
    box = square_around(face, margin)
    return np.asarray(pil_image.crop(box).resize((size_px, size_px), Image.Resampling.BILINEAR))


def square_around(face: Face, margin: float = 0.2) -> tuple[int, int, int, int]:
    """Returns left, top, right and bottom of a square around a face, in whole pixels.

    Args:
        face: Where the face is.
        margin: Share of the box's longer side that is added all around.

    Raises:
        ValueError: If the box is empty, or `margin` leaves nothing of it.
    """
    left, top, right, bottom = face.box_xyxy
    if not (right > left and bottom > top and margin > -0.5):
        raise ValueError(
            "`face` must have a box with an area, and `margin` must be above -0.5. "
            f"Received: {face.box_xyxy} and {margin!r}."
        )
    side = max(1, round(max(right - left, bottom - top) * (1 + 2 * margin)))
    x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
    return x, y, x + side, y + side


def _shrunk(image: np.ndarray) -> tuple[Image.Image, int]:
    """Returns an image that is not too large for a search, and by how much it is smaller."""
    pil_image = as_pil_image(image)
    shrinking = max(1, math.ceil(max(pil_image.size) / _LONGEST_SIDE_PX))
    return (pil_image.reduce(shrinking) if shrinking > 1 else pil_image), shrinking


def _xyxy(box: Any, scale: int) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of a box of x, y, width and height, scaled."""
    x, y, width, height = (float(number) * scale for number in box)
    return x, y, x + width, y + height
