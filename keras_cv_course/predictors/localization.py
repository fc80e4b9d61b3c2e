"""The one object of an image, as a result."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from keras_cv_course.predictors.drawing import draw_detections, square
from keras_cv_course.predictors.results import Result

_PRESENT = 0.5


@dataclass(frozen=True, eq=False)
class Localization(Result):
    """What the one object of an image is, and where.

    Attributes:
        box_xyxy: float32 `(4,)`, in pixels of the image.
        label: Number of the class, from 0.
        name: Name of the class, or its number where there are no names.
        probability: Of the class.
        objectness: Probability that there is an object; 1 for a network that always expects one.
    """

    COLUMNS = ("class", "probability", "objectness", "left top right bottom")
    DRAWING = "box"

    box_xyxy: np.ndarray
    label: int
    name: str
    probability: float
    objectness: float = 1.0

    @property
    def present(self) -> bool:
        """Whether there is an object, as far as the network says."""
        return self.objectness >= _PRESENT

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as JSON can hold it."""
        return {
            "class": self.label,
            "name": self.name,
            "probability": self.probability,
            "objectness": self.objectness,
            "box_xyxy": [float(side) for side in self.box_xyxy],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Returns a line with the object, or one that says that there is none."""
        if not self.present:
            return [("nothing", "", f"{self.objectness:.2f}", "")]
        sides = " ".join(f"{side:.0f}" for side in self.box_xyxy)
        return [(self.name, f"{self.probability:.2f}", f"{self.objectness:.2f}", sides)]

    def draw(self) -> Image.Image:
        """Returns the image with the box and the name of its object, where there is one."""
        count = int(self.present)
        detection = {
            "boxes": self.box_xyxy[None][:count],
            "scores": np.full(count, self.probability, np.float32),
            "classes": np.zeros(count, np.int32),
        }
        return Image.fromarray(draw_detections(self.image, detection, (self.name,)))

    def resized(self, side_px: int) -> "Localization":
        """Returns the result with its image stretched to a square of a size, and the box in it."""
        height, width = self.image.shape[:2]
        scale = np.tile([side_px / width, side_px / height], 2).astype(np.float32)
        return replace(self, image=square(self.image, side_px), box_xyxy=self.box_xyxy * scale)
