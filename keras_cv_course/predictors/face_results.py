"""What a multitask network says of a face, as a result."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from keras_cv_course.faces.analysis import Attribute
from keras_cv_course.predictors.drawing import draw_lines, square
from keras_cv_course.predictors.results import Result

_MOST_NUMBERS = 3  # of a value that a table shows
_POINT = (0, 158, 115)
_POINT_PER_IMAGE = 1 / 120  # radius, of the shorter side


@dataclass(frozen=True, eq=False)
class FaceAttributes(Result):
    """The answers of a multitask network about the face in an image.

    Attributes:
        attributes: Answers by task, e.g. "age" or "smile"; points are in pixels of the image.
    """

    COLUMNS = ("task", "value", "confidence")
    DRAWING = "face"

    attributes: Mapping[str, Attribute]

    def __getitem__(self, task: str) -> Attribute:
        return self.attributes[task]

    def to_dict(self) -> dict[str, Any]:
        """Returns the answers as JSON can hold them."""
        return {"tasks": {task: answer.to_dict() for task, answer in self.attributes.items()}}

    def rows(self) -> list[tuple[str, ...]]:
        """Returns a line for each task."""
        return [
            (task, shown(answer["value"]), shown(answer["confidence"]))
            for task, answer in self.to_dict()["tasks"].items()
        ]

    def draw(self) -> Image.Image:
        """Returns the image with its points, and the other answers written on it."""
        lines = [f"{task}: {value}" for task, value, _ in self.rows() if task not in _DRAWN]
        image = draw_lines(self.image, lines)
        if "landmarks" in self.attributes:
            pen, radius = ImageDraw.Draw(image), max(1.0, min(image.size) * _POINT_PER_IMAGE)
            for x, y in np.asarray(self.attributes["landmarks"].value):
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_POINT)
        return image

    def resized(self, side_px: int) -> "FaceAttributes":
        """Returns the result with its image stretched to a square of a size, and points in it."""
        changed = dict(self.attributes)
        if "landmarks" in changed:
            height, width = self.image.shape[:2]
            points = np.asarray(changed["landmarks"].value) * [side_px / width, side_px / height]
            changed["landmarks"] = replace(changed["landmarks"], value=points)
        return replace(self, image=square(self.image, side_px), attributes=changed)


_DRAWN = ("landmarks", "visibility")


def shown(value: Any) -> str:
    """Returns a value of `Attribute.to_dict` as a table shows it; long ones are in the JSON."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(number)}" for name, number in value.items())
    if isinstance(value, list) and len(value) > _MOST_NUMBERS:
        return f"{len(value)} of them"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else str(value)
