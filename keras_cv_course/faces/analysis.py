"""Answers of a multitask network about one image, with their units and confidence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

Predict = Callable[[np.ndarray], Mapping[str, Any]]
GENDER_NAMES = ("male", "female")
# Answers without a probability, whose error is measured instead.
MEASURED = ("age", "landmarks", "pose")


@dataclass(frozen=True)
class Attribute:
    """One answer.

    Attributes:
        value: Yes or no ("detection", "smile"), a name ("gender", "identity"), years ("age"),
            pixels (n, 2) of the given image ("landmarks"), yes or no for each point
            ("visibility"), or degrees by the names yaw, pitch and roll ("pose").
        confidence: Probability of the value, of each point for "visibility"; None where the network
            gives none, that is for years, pixels and degrees.
        spread: Typical error in the unit of the value, if the analyzer was given one; else None.
    """

    value: Any
    confidence: Any = None
    spread: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them."""
        return {
            name: np.asarray(field).tolist() if isinstance(field, np.ndarray) else field
            for name, field in vars(self).items()
        }


@dataclass(frozen=True)
class AnswerReader:
    """Makes answers of what a multitask network returns for an image.

    Attributes:
        gender_names: What labels 0 and 1 of "gender" stood for in training.
        people: Names by number for "identity"; None gives the number.
        errors: Typical error of "age" (years), "landmarks" (in percent of the image's width) or
            "pose" (degrees), which becomes the spread.

    Raises:
        ValueError: If `errors` names another task.
    """

    gender_names: Sequence[str] = GENDER_NAMES
    people: Sequence[str] | None = None
    errors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.errors) - set(MEASURED)
        if unknown:
            raise ValueError(
                "`errors` must be of 'age', 'landmarks' or 'pose': other answers carry their "
                f"probability. Received: {sorted(unknown)}."
            )

    def read(self, values: Mapping[str, np.ndarray], size: tuple[int, int]) -> dict[str, Attribute]:
        """Returns an answer to each task.

        Args:
            values: By task, what the network returned for one image.
            size: (width, height) of the image in pixels.

        Raises:
            ValueError: If there is a value that is not a task's.
        """
        unknown = set(values) - set(_ANSWERS)
        if unknown:
            raise ValueError(
                "`predict` must give the outputs of a MultitaskFaceNetwork, some of "
                f"{', '.join(_ANSWERS)}. Received: {', '.join(sorted(unknown))}."
            )
        pixels = np.array(size, np.float32)
        return {
            name: _ANSWERS[name](self, np.asarray(y, np.float32), pixels)
            for name, y in values.items()
        }


class FaceAnalyzer:
    """Asks a multitask network about the face in an image.

    The image is one face with some margin, as in training: find and cut it out first. It is
    resized to the network's input without keeping its aspect ratio. The tasks are read from the
    network's outputs. Where "detection" says no, there is no face for the others to be about.

    Args:
        predict: Gives a dict of outputs, as `MultitaskFaceNetwork` names them, for a batch
            (1, height, width, channels): a Keras model, a `TFLiteModel`, or any callable.
        input_shape: (height, width, channels) of the network's input.
        input_range: Smallest and largest value that the network takes.
        gender_names: What labels 0 and 1 of "gender" stood for in training.
        people: Names by number for "identity"; None gives the number.
        errors: Typical error of "age" (years), "landmarks" (in percent of the image's width) or
            "pose" (degrees), as measured on held-out images: the network itself does not know
            how wrong it is. It becomes the spread.

    Raises:
        TypeError: If `predict` cannot be called.
        ValueError: If `input_shape` is not three known sizes, or `errors` names another task.

    Example:
        >>> file = TFLiteModel("faces.tflite")
        >>> analyzer = FaceAnalyzer(file, (96, 96, 3), errors={"age": 7.5})
        >>> analyzer.analyze(image)["age"]
        Attribute(value=34.2, confidence=None, spread=7.5)
    """

    def __init__(
        self,
        predict: Predict,
        input_shape: tuple[int, int, int],
        input_range: tuple[float, float] = (-1.0, 1.0),
        gender_names: Sequence[str] = GENDER_NAMES,
        people: Sequence[str] | None = None,
        errors: Mapping[str, float] | None = None,
    ) -> None:
        if not callable(predict):
            raise TypeError(
                "`predict` must be a model or a function of a batch of images. Received: "
                f"{predict!r}."
            )
        if len(input_shape) != 3 or None in input_shape:
            raise ValueError(
                f"`input_shape` must be (height, width, channels). Received: {input_shape!r}."
            )
        self.predict = predict
        self.input_shape = tuple(input_shape)
        self.input_range = input_range
        self.reader = AnswerReader(tuple(gender_names), people, dict(errors or {}))

    def analyze(self, image: np.ndarray) -> dict[str, Attribute]:
        """Returns an answer to each task.

        Args:
            image: Pixels of 0 to 255, (height, width), (height, width, 1) or (height, width, 3) in
                the order red, green, blue; of any size.

        Raises:
            TypeError: If the network gives no dict.
            ValueError: If the image has another shape, or the network gives an output that is
                not a task's.
        """
        image = np.asarray(image)
        batch = self._prepare(image)
        outputs = self.predict(batch)
        if not isinstance(outputs, Mapping):
            raise TypeError(
                "`predict` must give a dict of outputs by name. Received: "
                f"{type(outputs).__name__}. A file with a single output gives it bare: say what it "
                "is, e.g. `lambda batch: {'age': file(batch)}`."
            )
        values = {name: np.asarray(y, np.float32)[0] for name, y in outputs.items()}
        return self.reader.read(values, (image.shape[1], image.shape[0]))

    def _prepare(self, image: np.ndarray) -> np.ndarray:
        height, width, channels = self.input_shape
        if image.ndim == 2:
            image = image[..., None]
        if image.ndim != 3 or image.shape[-1] not in (1, 3) or 0 in image.shape:
            raise ValueError(
                "`image` must be (height, width), (height, width, 1) or (height, width, 3). "
                f"Received: {image.shape}."
            )
        pixels = image.astype(np.float32)
        if channels == 3 and image.shape[-1] == 1:
            pixels = np.repeat(pixels, 3, axis=-1)
        elif channels == 1 and image.shape[-1] == 3:
            pixels = pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)
        resized = keras.ops.image.resize(pixels, (height, width), interpolation="bilinear")
        low, high = self.input_range
        return keras.ops.convert_to_numpy(resized)[None] / 255.0 * (high - low) + low


def _yes_or_no(reader: AnswerReader, y: np.ndarray, size: np.ndarray) -> Attribute:
    return Attribute(bool(y[0] >= 0.5), float(max(y[0], 1 - y[0])))


def _gender(reader: AnswerReader, y: np.ndarray, size: np.ndarray) -> Attribute:
    answer = _yes_or_no(reader, y, size)
    return Attribute(reader.gender_names[int(answer.value)], answer.confidence)


def _age(reader: AnswerReader, y: np.ndarray, size: np.ndarray) -> Attribute:
    return Attribute(float(y[0]), spread=reader.errors.get("age"))


def _landmarks(reader: AnswerReader, y: np.ndarray, size: np.ndarray) -> Attribute:
    error = reader.errors.get("landmarks")
    pixels = (y.reshape(-1, 2) + 0.5) * size  # (points, 2)
    return Attribute(pixels, spread=None if error is None else float(error / 100 * size[0]))


def _visibility(reader: AnswerReader, y: np.ndarray, size: np.ndarray) -> Attribute:
    return Attribute(y >= 0.5, np.maximum(y, 1 - y))


def _pose(reader: AnswerReader, y: np.ndarray, size: np.ndarray) -> Attribute:
    degrees = dict(zip(("yaw", "pitch", "roll"), map(float, y), strict=True))
    return Attribute(degrees, spread=reader.errors.get("pose"))


def _identity(reader: AnswerReader, y: np.ndarray, size: np.ndarray) -> Attribute:
    likely = int(y.argmax())
    odds = np.exp(y - y.max())
    name = likely if reader.people is None else reader.people[likely]
    return Attribute(name, float(odds[likely] / odds.sum()))


_ANSWERS: dict[str, Callable[[AnswerReader, np.ndarray, np.ndarray], Attribute]] = {
    "detection": _yes_or_no,
    "landmarks": _landmarks,
    "visibility": _visibility,
    "pose": _pose,
    "smile": _yes_or_no,
    "gender": _gender,
    "age": _age,
    "identity": _identity,
}

# What a multitask network may be asked.
ANSWERS = tuple(_ANSWERS)
