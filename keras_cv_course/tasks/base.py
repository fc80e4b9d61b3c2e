"""What a task is: all that differs between classifying, detecting and the rest, in one place.

A task opens its data, builds and compiles its network, measures it, and reads what it returns. The
runner (`tasks.running`), the predictor and the commands know nothing else of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import keras
import numpy as np

from keras_cv_course.data import calibration_array
from keras_cv_course.data.framing import Frame
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Result
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.args import RunArgs
from keras_cv_course.tasks.comparison import Comparison
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.training.fitting import Training
from keras_cv_course.training.history import Score
from keras_cv_course.training.recipe import Recipe

# Wraps an iterable, e.g. by a progress bar; gets its length, if that is known.
Progress = Callable[[Iterable[Any], int | None], Iterable[Any]]


def silent(items: Iterable[Any], total: int | None) -> Iterable[Any]:
    """Returns the items: a `Progress` that shows nothing."""
    return items


class Data(Protocol):
    """What every source of a run's images provides."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, by label; empty where there are none."""

    @property
    def skipped(self) -> Sequence[str]:
        """What could not be read, and is left out."""

    @property
    def split_files(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the files of each split; empty where the data is not in files."""


@dataclass(frozen=True)
class Samples:
    """Images that a model is measured on, with what it should say of them.

    Attributes:
        split: "train", "val", "test", or "all".
        content: What the task makes of it.
        class_names: Name of each class, by label; empty where there are none.
    """

    split: str
    content: Any
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """How well a model does.

    Attributes:
        metrics: Numbers by name, the one that counts first; NaN where there is none.
        images: Number of images.
        details: What else JSON holds.
        table: Title of the columns and rows of a table for people; empty for `metrics`.
        plots: By the name of an image, what writes it.
        facts: What the model of a run is to carry of this, e.g. a threshold; see `ModelSpec.facts`.
    """

    metrics: Mapping[str, float]
    images: int
    details: Mapping[str, Any] = field(default_factory=dict)
    table: tuple[tuple[str, ...], ...] = ()
    plots: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the evaluation as JSON can hold it, which has no NaN."""
        numbers = {name: None if np.isnan(x) else float(x) for name, x in self.metrics.items()}
        return {**numbers, "images": self.images, **self.details}

    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Returns the lines of a table, the titles of its columns first."""
        numbers = ((name, "" if np.isnan(x) else f"{x:.4f}") for name, x in self.metrics.items())
        return self.table or (("", "value"), *numbers)


class Task(ABC):
    """One kind of work for a network, from data to results.

    Attributes:
        name: As `--task` and a model's spec name it.
        summary: What it does, in a few words.
        Args: Dataclass of the arguments of a training run.
        Predict: Dataclass of the options of predictions.
        Export: Dataclass of the options on the way to a file.
        metrics: Names of the metrics of an epoch, the one that counts first.
        resize: How images are resized to the input, for a model that does not record it.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Args: ClassVar[type[RunArgs]]
    Predict: ClassVar[type]
    Export: ClassVar[type]
    metrics: ClassVar[tuple[str, ...]]
    resize: ClassVar[str] = "stretch"

    @property
    @abstractmethod
    def score(self) -> Score:
        """Returns the score of an epoch from its row of numbers; the best epoch is kept."""

    @abstractmethod
    def open(self, args: Any, files: Mapping[str, Any] | None = None) -> Any:
        """Returns the data of a run, a `Data`.

        Args:
            args: Of the task's `Args`.
            files: The files of each split as a run has recorded them, for a task that would draw
                other splits; the runner checks that they are the same. None draws them.

        Raises:
            FileNotFoundError: If there is no such data.
            ValueError: If it is none for the task.
        """

    @abstractmethod
    def build(self, args: Any, data: Any) -> keras.Model:
        """Returns a new network for the data."""

    @abstractmethod
    def training(self, model: keras.Model, args: Any, recipe: Recipe, data: Any) -> Training:
        """Returns the compiled model and its images, for a stage of a run.

        Args:
            model: What `build` returned, or its quantization-aware form.
            args: Of the run.
            recipe: How the stage is trained.
            data: Of the run.
        """

    @abstractmethod
    def calibration(self, args: Any, data: Any, count: int) -> np.ndarray:
        """Returns typical inputs, float32 in the range of the network, at most `count`."""

    @abstractmethod
    def held_out(self, data: Any) -> Samples:
        """Returns what the best model of a run is measured on."""

    @abstractmethod
    def samples(
        self, predictor: Predictor, args: Mapping[str, Any], source: str, split: str | None
    ) -> Samples:
        """Returns what a model is measured on.

        Args:
            predictor: The model.
            args: The `args.yaml` beside its file, empty where there is none.
            source: Where the data is.
            split: Which part of it; None is the last that there is.

        Raises:
            FileNotFoundError: If there is no such data.
            ValueError: If it has no such part, or its classes are not the model's.
        """

    @abstractmethod
    def evaluate(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> Evaluation:
        """Returns how well a model does on some samples."""

    @abstractmethod
    def read_outputs(
        self,
        outputs: Any,
        images: Sequence[np.ndarray],
        frames: Sequence[Frame],
        spec: ModelSpec,
        options: Any,
    ) -> list[Result]:
        """Returns a result for each image of a batch.

        Args:
            outputs: What the model returned for the batch.
            images: uint8 `(height, width, channels)` each.
            frames: How each came to the size of the input.
            spec: Of the model.
            options: Of the task's `Predict`.
        """

    def spec(self, args: Any, data: Any) -> dict[str, Any]:
        """Returns the fields of the spec that a run's model gets."""
        return {
            "task": self.name,
            "class_names": tuple(data.class_names) or None,
            "input_range": args.input_range,
            "resize": self.resize,
        }

    def recognizes(self, model: keras.Model | TFLiteModel) -> bool:
        """Whether a model that does not record its task looks like one of this task."""
        return False

    def prepare(self, image: np.ndarray, spec: ModelSpec) -> np.ndarray:
        """Returns the part of an image that is resized to the input, by default the whole.

        Args:
            image: `(height, width, channels)`.
            spec: Of the model.
        """
        return image

    def call(
        self, model: keras.Model | TFLiteModel, spec: ModelSpec, options: Any
    ) -> Callable[[np.ndarray], Any]:
        """Returns what makes of a batch the outputs that `read_outputs` takes.

        Args:
            model: What is in a file.
            spec: Of the model.
            options: Of the task's `Predict`.
        """
        if isinstance(model, TFLiteModel):
            return model.predict
        call: Callable[[np.ndarray], Any] = self.runnable(model, spec, options).predict_on_batch
        return call

    def predictor(
        self,
        model: keras.Model | TFLiteModel,
        spec: ModelSpec,
        input_shape: tuple[int, int, int],
        options: Any,
        path: Path | None = None,
    ) -> Predictor:
        """Returns what takes photographs and returns results.

        Args:
            model: What is in a file.
            spec: Of the model, with `input_range` and `resize`.
            input_shape: (height, width, channels) of its input.
            options: Of the task's `Predict`.
            path: The file.
        """
        return Predictor(
            self.call(model, spec, options),
            spec,
            input_shape,
            partial(self.read_outputs, spec=spec, options=options),
            path,
            model if isinstance(model, keras.Model) else None,
            partial(self.prepare, spec=spec),
        )

    def runnable(self, model: keras.Model, spec: ModelSpec, options: Any) -> keras.Model:
        """Returns the Keras model whose outputs `read_outputs` takes.

        Args:
            model: What is saved.
            spec: Of the model.
            options: Of the task's `Predict`.
        """
        return model

    def exportable(
        self, model: keras.Model, spec: ModelSpec, options: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Returns what `convert` takes of a model, and further arguments of it.

        Args:
            model: What is saved.
            spec: Of the model.
            options: Of the task's `Export`.
        """
        return model, {}

    def why_unreadable(self, file: TFLiteModel) -> str | None:
        """Returns why `read_outputs` cannot read what a file returns; None if it can."""
        return None

    def measuring(self) -> Any:
        """Returns the options of predictions with which a model is measured."""
        return self.Predict()

    def compare(
        self,
        reference: Predictor,
        candidate: Predictor,
        samples: Samples,
        limit: int,
        progress: Progress = silent,
    ) -> Any:
        """Returns how far a file is from the model that it was made from, in the task's metrics.

        Args:
            reference: The Keras model.
            candidate: The file.
            samples: What both are measured on.
            limit: The most images.
            progress: Wraps what is iterated over.

        Returns:
            Something with `to_dict()` and `str()`.
        """
        some = self.limited(samples, limit)
        before, after = (
            self.evaluate(predictor, some, progress) for predictor in (reference, candidate)
        )
        names = (str(reference.path), str(candidate.path))
        return Comparison(names, samples.split, (before, after))

    def agreement(
        self, reference: Predictor, candidate: Predictor, samples: Samples
    ) -> float | None:
        """Returns the share of images that a file decides as its model does; None without that."""
        return None

    def limited(self, samples: Samples, limit: int) -> Samples:
        """Returns at most `limit` of some samples."""
        raise ValueError(f"The samples of {self.name!r} cannot be limited. Leave out --limit.")

    def calibration_folder(
        self, folder: str, input_shape: tuple[int, int, int], spec: ModelSpec, count: int
    ) -> np.ndarray:
        """Returns typical inputs from a folder of images, see `calibration_array`."""
        return calibration_array(folder, input_shape, spec.input_range, count)

    def first_batch(self, args: Any, data: Any) -> Sequence[Result]:
        """Returns the first images that are learned from, with what they show; none by default."""
        return ()
