"""Opens a model of any task from a file, with what must be known of it."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course.networks.loading import load_model
from keras_cv_course.networks.specs import output_names, spec_of
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks import TASKS, get_task
from keras_cv_course.tasks.base import Task
from keras_cv_course.tasks.model_file import TFLITE, model_file
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.tflite.carried_spec import read_spec
from keras_cv_course.tflite.quiet import quiet
from keras_cv_course.training.run_folder import RunFolder

_NOTHING = ModelSpec()


@dataclass(frozen=True)
class OpenedModel:
    """A model file, its task, and what must be known to give it images.

    Attributes:
        path: The file.
        model: What is in it.
        task: What it does.
        spec: What it takes and what its outputs mean, as far as it is known.
        args: The `args.yaml` beside the file and, as "files", which files its splits hold; empty
            where there is none.
    """

    path: Path
    model: keras.Model | TFLiteModel
    task: Task
    spec: ModelSpec
    args: dict[str, Any]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the input."""
        height, width, channels = (int(size) for size in self.model.inputs[0].shape[1:])
        return height, width, channels

    def call(self, batch: np.ndarray) -> Any:
        """Returns the model's own outputs for a batch, float32 in its range."""
        if isinstance(self.model, TFLiteModel):
            return self.model.predict(batch)
        return self.model.predict_on_batch(batch)

    def need_range(self) -> tuple[float, float]:
        """Returns the range of pixel values that the model takes.

        Raises:
            ValueError: If it is unknown.
        """
        if self.spec.input_range is None:
            raise ValueError(
                f"It is not known which values {self.path} takes: neither the file nor an "
                "args.yaml beside it says so. Pass them with --input-range (`input_range=`), "
                "e.g. --input-range -1 1."
            )
        return self.spec.input_range

    def predictor(self, options: Any = None) -> Predictor:
        """Returns what takes photographs and returns results.

        Args:
            options: Of the task's `Predict`; None is the defaults.

        Raises:
            ValueError: If it is not known which values the model takes, or its outputs cannot be
                read.
        """
        self.need_range()
        options = self.task.Predict() if options is None else options
        if isinstance(self.model, TFLiteModel):
            why = self.task.why_unreadable(self.model)
            if why is not None:
                raise ValueError(f"{self.path} {why}")
        return self.task.predictor(self.model, self.spec, self.input_shape, options, self.path)


def load(
    path: str | os.PathLike[str],
    task: str | None = None,
    input_range: tuple[float, float] | None = None,
    class_names: tuple[str, ...] | None = None,
    resize: str | None = None,
    **options: Any,
) -> Predictor:
    """Returns a callable from images to results, of a .keras or .tflite file of any task.

    What the file carries is used where an argument is None; where it carries nothing, an
    `args.yaml` beside it is read.

    Args:
        path: The file, or the folder of a run.
        task: Name of the task, see `keras_cv_course.tasks`.
        input_range: Smallest and largest pixel value that the model takes.
        class_names: Name of each class, by label.
        resize: How an image comes to the size of the input: "stretch", "pad" or "crop".
        **options: Options of the task's predictions, e.g. `score=0.5` of a detector or `top=5` of
            a classifier.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a model of one image, or its task is not known or what values
            it takes.
        TypeError: If the task has no such option.

    Example:
        >>> predict = load("runs/train/model.keras")
        >>> predict("cat.jpg").name
        'cat'
    """
    known = ModelSpec(task, class_names, input_range, resize)
    opened = open_model(path, known)
    return opened.predictor(opened.task.Predict(**options))


def open_model(
    path: str | os.PathLike[str], given: ModelSpec = _NOTHING, keras_only: bool = False
) -> OpenedModel:
    """Returns the model in a file, its task and what is known of it.

    Args:
        path: A .keras or .tflite file, or the folder of a run.
        given: What overrides the spec of the file, which in turn overrides an `args.yaml`
            beside it.
        keras_only: Whether a .tflite file is refused.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a model of one image, or its task is not known.
    """
    file = model_file(path, keras_only)
    run = RunFolder(file.parent)
    args = {**run.load_args(), "files": run.load_split()} if run.args.is_file() else {}
    model: keras.Model | TFLiteModel
    if file.suffix == TFLITE:
        with quiet():  # LiteRT reports its delegate.
            model = TFLiteModel(file)
        carried, names = model.spec, tuple(output.name for output in model.outputs)
    else:
        model = load_model(file, compile=False)
        carried, names = spec_of(model), output_names(model)
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or None in shapes[0][1:]:
        raise ValueError(f"{file} must take one image of a fixed size. Its inputs are {shapes}.")
    spec = given.filled(carried.for_outputs(names)).filled(_spec_of_args(args))
    task = _task_of(spec, model, file)
    spec = dataclasses.replace(spec, task=task.name, resize=spec.resize or task.resize)
    return OpenedModel(file, model, task, spec, args)


def task_of(model: "keras.Model | str | os.PathLike[str]") -> str | None:
    """Returns the name of the task that a model or a model file carries, or None.

    Args:
        model: A Keras model, or the path of a .keras or .tflite file.

    Example:
        >>> task_of("model.tflite")
        'classify'
    """
    if isinstance(model, keras.Model):
        return spec_of(model).task
    file = model_file(model)
    return (read_spec(file) if file.suffix == TFLITE else spec_of(load_model(file))).task


def _spec_of_args(args: dict[str, Any]) -> ModelSpec:
    """Returns the spec in a run's `args.yaml`, for files that were made before they carried it."""
    known = {name: args.get(name) for name in ("task", "class_names", "input_range", "resize")}
    return ModelSpec(**{name: value for name, value in known.items() if value is not None})


def _task_of(spec: ModelSpec, model: keras.Model | TFLiteModel, file: Path) -> Task:
    if spec.task is not None:
        return get_task(spec.task)
    candidates = [row.load() for row in TASKS.values() if row.load().recognizes(model)]
    if not candidates:
        raise ValueError(
            f"The task of {file} is not known, and its outputs do not show it. Pass the task, one "
            f"of {', '.join(TASKS)}, with --task (`task=`)."
        )
    return candidates[0]
