"""What a model says of one image, as an object of its task."""

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from keras_cv_course.predictors.drawing import draw_detections, draw_lines, square


@dataclass(frozen=True, eq=False)
class Result(ABC):
    """What a model says of one image.

    Attributes:
        image: The image, uint8 `(height, width, 3)`.
    """

    # Of the table that `keras-cv-course predict` prints, behind the name of the image.
    COLUMNS: ClassVar[tuple[str, ...]]
    # What drawings and the list of results are called on disk.
    DRAWING: ClassVar[str] = "result"
    LISTING: ClassVar[str] = "predictions.json"

    image: np.ndarray = field(repr=False)

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON can hold it."""

    @abstractmethod
    def rows(self) -> list[tuple[str, ...]]:
        """Returns the lines of a table with the result, a text for each of `COLUMNS`."""

    @abstractmethod
    def draw(self) -> Image.Image:
        """Returns the image with the result drawn on it."""

    def images(self) -> Mapping[str, Image.Image]:
        """Returns the images that are saved of the result, by what their files' names end in."""
        return {self.DRAWING: self.draw()}

    def resized(self, side_px: int) -> "Result":
        """Returns the result with its image stretched to a square of a size."""
        return replace(self, image=square(self.image, side_px))

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.draw().save(buffer, "PNG")
        return buffer.getvalue()


@dataclass(frozen=True, eq=False)
class Classification(Result):
    """The classes of an image, the most probable first.

    Attributes:
        names: Names of the classes.
        probabilities: float32, one for each of `names`.
        top: How many of them `to_dict` and a table show.
    """

    COLUMNS = ("class", "probability")
    DRAWING = "class"

    names: tuple[str, ...]
    probabilities: np.ndarray
    top: int = 1

    @property
    def name(self) -> str:
        """The most probable class."""
        return self.names[0]

    @property
    def probability(self) -> float:
        """Of the most probable class."""
        return float(self.probabilities[0])

    def to_dict(self) -> dict[str, Any]:
        """Returns the `top` classes as JSON can hold them."""
        pairs = list(zip(self.names, self.probabilities, strict=True))[: self.top]
        return {"classes": [{"name": name, "probability": float(p)} for name, p in pairs]}

    def rows(self) -> list[tuple[str, ...]]:
        """Returns a line for each of the `top` classes."""
        return [(row["name"], f"{row['probability']:.2%}") for row in self.to_dict()["classes"]]

    def draw(self) -> Image.Image:
        """Returns the image with its classes written on it."""
        return draw_lines(self.image, [" ".join(row) for row in self.rows()])


@dataclass(frozen=True, eq=False)
class Detections(Result):
    """The objects that were found in an image, the best first.

    Attributes:
        boxes: float32 `(n, 4)`, xyxy in pixels of the image.
        scores: float32 `(n,)`.
        labels: int32 `(n,)`, numbers of the classes from 0.
        class_names: Name of each class by number; None where they are unknown.
        show_scores: Whether they are drawn.
    """

    COLUMNS = ("class", "score", "left top right bottom")
    DRAWING = "boxes"
    LISTING = "detections.json"

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] | None = None
    show_scores: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the class of each object, or its number where there are no names."""
        return tuple(
            str(label) if self.class_names is None else self.class_names[label]
            for label in self.labels.tolist()
        )

    def __len__(self) -> int:
        return len(self.scores)

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns what `Detector.predict` does: "boxes", "scores" and "classes"."""
        return {"boxes": self.boxes, "scores": self.scores, "classes": self.labels}

    def to_dict(self) -> dict[str, Any]:
        """Returns the objects as JSON can hold them."""
        columns = zip(self.labels, self.names, self.scores, self.boxes, strict=True)
        return {
            "boxes": [
                {
                    "class": int(label),
                    "name": name,
                    "score": float(score),
                    "box_xyxy": [float(side) for side in box],
                }
                for label, name, score, box in columns
            ]
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Returns a line for each object, and one that says so where there is none."""
        columns = zip(self.names, self.scores, self.boxes, strict=True)
        lines: list[tuple[str, ...]] = [
            (name, f"{score:.2f}", " ".join(f"{side:.0f}" for side in box))
            for name, score, box in columns
        ]
        return lines or [("nothing", "", "")]

    def draw(self) -> Image.Image:
        """Returns the image with a box, a name and a score for each object."""
        drawn = draw_detections(self.image, self.arrays(), self.class_names, self.show_scores)
        return Image.fromarray(drawn)

    def resized(self, side_px: int) -> "Detections":
        """Returns the result with its image stretched to a square of a size, and boxes in it."""
        height, width = self.image.shape[:2]
        scale = np.tile([side_px / width, side_px / height], 2).astype(np.float32)
        return replace(self, image=square(self.image, side_px), boxes=self.boxes * scale)


@dataclass(frozen=True, eq=False)
class Embedding(Result):
    """A vector that represents what an image shows, e.g. whose face.

    Attributes:
        embedding: float32 `(d,)`, of length 1.
    """

    COLUMNS = ("embedding",)

    embedding: np.ndarray

    def similarity(self, other: "Embedding") -> float:
        """Returns the cosine of two embeddings, in [-1, 1]; higher is more alike."""
        return float(np.clip(self.embedding @ other.embedding, -1.0, 1.0))

    def to_dict(self) -> dict[str, Any]:
        """Returns the vector as JSON can hold it."""
        return {"embedding": [float(value) for value in self.embedding]}

    def rows(self) -> list[tuple[str, ...]]:
        """Returns one line with the first numbers of the vector."""
        first = " ".join(f"{value:.3f}" for value in self.embedding[:4])
        return [(f"{first} … ({len(self.embedding)} numbers)",)]

    def draw(self) -> Image.Image:
        """Returns the image unchanged: an embedding cannot be drawn."""
        return Image.fromarray(self.image)
