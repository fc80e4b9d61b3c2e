"""A model or file that takes photographs and returns results."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course.data.framing import Frame, frame_image
from keras_cv_course.data.image_sources import (
    Photograph,
    as_photographs,
    files_below,
    is_one,
    with_channels,
)
from keras_cv_course.predictors.results import Result
from keras_cv_course.specs.model_spec import ModelSpec

# Makes results of a model's outputs for a batch, of its images and of how these were framed.
ReadOutputs = Callable[[Any, Sequence[np.ndarray], Sequence[Frame]], list[Any]]
_BATCH = 32


class Predictor:
    """A model that is called with images and returns results.

    An image is a path, an array `(height, width)`, `(height, width, 1)` or `(height, width, 3)` of
    pixels from 0 to 255, or a PIL image; of any size. One image gives one result. A list or tuple
    of images, an array of four axes and a folder give a list of results.

    Attributes:
        path: The file of the model, or None.
        spec: What the model takes and what its outputs mean.
        model: Takes float32 `(n, height, width, channels)` in the range of the spec and returns the
            model's outputs.
        input_shape: (height, width, channels) that it takes.
        keras_model: What was saved in a .keras file; None for a .tflite file.

    Example:
        >>> predict = keras_cv_course.load("model.tflite")
        >>> predict("cat.jpg").name
        'cat'
        >>> [result.name for result in predict("photos")]
        ['cat', 'dog']
    """

    def __init__(
        self,
        model: Callable[[np.ndarray], Any],
        spec: ModelSpec,
        input_shape: tuple[int, int, int],
        read_outputs: ReadOutputs,
        path: Path | None = None,
        keras_model: keras.Model | None = None,
        prepare: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.model = model
        self.spec = spec
        self.input_shape = input_shape
        self.path = path
        self.keras_model = keras_model
        self._read_outputs = read_outputs
        self._prepare = prepare

    def __repr__(self) -> str:
        name = "" if self.path is None else f"{self.path}, "
        return f"Predictor({name}task={self.spec.task!r}, input_shape={self.input_shape})"

    def __call__(self, images: Any) -> Any:
        """Returns the result of one image, or a list of those of several.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If an image cannot be read or has another shape, or a folder holds none.
        """
        if is_one(images):
            return next(self.stream([images]))
        return list(self.stream(images))

    def stream(self, images: Any, batch_size: int = _BATCH) -> Iterator[Result]:
        """Yields the results of several images, reading no more of them at once than a batch.

        Args:
            images: A list, an array of four axes or a folder, see the class.
            batch_size: Images that run at once.
        """
        waiting: list[Photograph] = []
        for photograph in as_photographs(images):
            waiting.append(photograph)
            if len(waiting) == batch_size:
                yield from self.results([photo.pixels for photo in waiting])
                waiting = []
        if waiting:
            yield from self.results([photo.pixels for photo in waiting])

    def each(self, paths: Iterable[str | Path]) -> Iterator[tuple[Path, Result | Exception]]:
        """Yields each image file below some paths with its result, or with what is wrong with it.

        Args:
            paths: Files and folders.
        """
        for path in files_below(paths):
            try:
                yield path, self(path)
            except (ValueError, OSError) as error:
                yield path, error

    def results(self, images: Sequence[np.ndarray]) -> list[Any]:
        """Returns the results of images `(height, width, 3)` or `(height, width, 1)`, uint8."""
        frames = [self.frame(image) for image in images]
        outputs = self.model(np.stack([frame.pixels for frame in frames]))
        return self._read_outputs(outputs, images, frames)

    def frame(self, image: np.ndarray) -> Frame:
        """Returns an image as the model takes it, and the way back to its pixels."""
        assert self.spec.input_range is not None  # `tasks.opening` asks for what is missing.
        assert self.spec.resize is not None
        if self._prepare is not None:
            image = self._prepare(image)
        image = with_channels(image, self.input_shape[2])
        return frame_image(image, self.input_shape, self.spec.input_range, self.spec.resize)
