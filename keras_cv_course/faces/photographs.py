"""From a photograph to the face in it as an encoder takes it."""

from dataclasses import dataclass

import keras
import numpy as np
from PIL import Image

from keras_cv_course._validation import check_crop, check_input_range
from keras_cv_course.data.photographs import read_photograph as read_photograph
from keras_cv_course.faces.detection import Detector, cut_out, find_face

_BRIGHTEST = 255.0


@dataclass(frozen=True)
class FaceReader:
    """Makes of a photograph the face that an encoder takes.

    With a detector the face is found and cut out; without, the image is the face already, and
    is read as `data.People.load` reads it in training.

    Args:
        input_shape: (height, width, channels) of the encoder's input, 1 or 3 channels.
        input_range: Smallest and largest value that the encoder takes.
        detector: What finds faces, e.g. `haar_detector()`; None takes images whole.
        crop: Share of each side to crop around the centre, without a detector.
        largest: Whether the largest of several faces is taken.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> read = FaceReader((112, 112, 3), (-1.0, 1.0), haar_detector())
        >>> verifier.verify(read(read_photograph("a.jpg")), read(read_photograph("b.jpg")))
    """

    input_shape: tuple[int, int, int]
    input_range: tuple[float, float]
    detector: Detector | None = None
    crop: float = 1.0
    largest: bool = False

    def __post_init__(self) -> None:
        if len(self.input_shape) != 3 or self.input_shape[2] not in (1, 3):
            raise ValueError(
                "`input_shape` must be (height, width, channels) with 1 or 3 channels. "
                f"Received: {self.input_shape}."
            )
        check_input_range(self.input_range)
        check_crop(self.crop)

    def __call__(self, photograph: np.ndarray) -> np.ndarray:
        """Returns the face in a photograph, float32 `(height, width, channels)`.

        Args:
            photograph: uint8 RGB `(height, width, 3)`.

        Raises:
            ValueError: If there is not one face in it.
        """
        height, width, channels = self.input_shape
        if self.detector is not None:
            face = find_face(photograph, self.detector, self.largest)
            photograph = cut_out(photograph, face, max(height, width))
        else:
            photograph = crop_center(photograph, self.crop)
        if channels == 1:
            photograph = np.asarray(Image.fromarray(photograph).convert("L"))[..., None]
        pixels = keras.preprocessing.image.smart_resize(photograph, (height, width))
        low, high = self.input_range
        return np.asarray(pixels, np.float32) * np.float32((high - low) / _BRIGHTEST) + low


def crop_center(image: np.ndarray, share: float) -> np.ndarray:
    """Returns the middle of an image, as `data.image_reader` cuts it out.

    Args:
        image: `(height, width, channels)`.
        share: Of each side, from 0.001 to 1.
    """
    height, width = image.shape[:2]
    top, left = (int((side - side * share) / 2) for side in (height, width))
    return image[top : height - top, left : width - left]
