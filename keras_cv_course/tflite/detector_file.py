"""A detector's .tflite file that finds objects in images of any size, as `Detector` does."""

import os
from typing import Any, cast

import numpy as np

from keras_cv_course._validation import check_choice, check_input_range
from keras_cv_course.data.framing import frame_image
from keras_cv_course.data.image_sources import as_photographs, with_channels
from keras_cv_course.detectors.detector import detections_of
from keras_cv_course.layers.detection_postprocess import OUTPUTS
from keras_cv_course.specs.detection import RESIZINGS
from keras_cv_course.tflite.lowest_score import lowest_score
from keras_cv_course.tflite.runtime import TFLiteModel
from keras_cv_course.tflite.tensors import real_range


class TFLiteDetector:
    """A file that `convert` has made of a detector, with its suppression inside.

    Attributes:
        file: The file as a model.
        class_names: Names by class, where the file carries them, else None.
        lowest_score: Boxes with lower scores are not in what the file gives.

    Args:
        path: A .tflite file with the outputs "boxes", "classes", "scores" and "count".
        resize: As in `Detector`.
        input_range: Smallest and largest pixel value that the network takes. None is what the
            metadata or the numbers of a uint8 input say.
        validate: As in `TFLiteModel`. False is for files that this process has written.

    Raises:
        ValueError: If the file is not a detector's, or the range is not known.

    Example:
        >>> TFLiteDetector("detector.tflite").predict([image])[0]["boxes"].shape
        (12, 4)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        resize: str | None = None,
        input_range: tuple[float, float] | None = None,
        validate: bool = True,
    ) -> None:
        self.file = TFLiteModel(path, validate=validate)
        names = [output.name for output in self.file.outputs]
        if sorted(names) != sorted(OUTPUTS):
            raise ValueError(
                f"`path` must be a file with the outputs {list(OUTPUTS)}. Received: {path} with "
                f"{names}. Convert a Detector, and not with nms=None."
            )
        carried = self.file.spec
        self.resize = resize or carried.resize or "stretch"
        check_choice("resize", self.resize, RESIZINGS)
        pixel_range = input_range or carried.input_range or _pixel_range(self.file)
        if pixel_range is None:
            raise ValueError(
                f"`input_range` must be given, since {path} does not record it. Received: None. "
                "Pass e.g. input_range=(-1, 1)."
            )
        check_input_range(pixel_range)
        self.input_range = pixel_range
        self.class_names = self.file.class_names
        self.lowest_score = lowest_score(path)

    def predict(self, images: Any) -> list[dict[str, np.ndarray]]:
        """Returns what is found in each image; takes and gives what `Detector.predict` does."""
        height, width, channels = self.file.inputs[0].shape[1:]
        detections: list[dict[str, np.ndarray]] = []
        for photograph in as_photographs(images):
            shape = (height, width, channels)
            frame = frame_image(
                with_channels(photograph.pixels, channels), shape, self.input_range, self.resize
            )
            outputs = self.file.predict(frame.pixels[None])
            detections.extend(detections_of(cast(dict[str, np.ndarray], outputs), [frame]))
        return detections


def _pixel_range(file: TFLiteModel) -> tuple[float, float] | None:
    """Returns the values of pixels 0 and 255, if they are a file's input unscaled."""
    spec = file.inputs[0]
    return real_range(spec) if spec.dtype == "uint8" else None
