"""The task of telling many things of a face at once: points, age, smile and more."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_cv_course.data.face_augmentation import FaceDistortion, distorted_faces
from keras_cv_course.data.framing import Frame
from keras_cv_course.data.labelled import labelled_batches, labelled_epochs
from keras_cv_course.faces.analysis import ANSWERS, GENDER_NAMES, AnswerReader
from keras_cv_course.faces.multitask import MultitaskFaceNetwork
from keras_cv_course.faces.multitask_training import compile_arguments
from keras_cv_course.faces.tasks import label_sizes
from keras_cv_course.metrics.landmarks import normalized_mean_error
from keras_cv_course.networks.specs import output_names
from keras_cv_course.predictors.face_results import FaceAttributes
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Result
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.base import Evaluation, Progress, Samples, Task, Training, silent
from keras_cv_course.tasks.bodies import build_body
from keras_cv_course.tasks.multitask_args import Args as MultitaskArgs
from keras_cv_course.tasks.multitask_args import Export as MultitaskExport
from keras_cv_course.tasks.multitask_args import Predict as MultitaskPredict
from keras_cv_course.tasks.multitask_data import Faces, open_faces
from keras_cv_course.tasks.splits import absolute, chosen_split
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.training.applying import recipe_optimizer
from keras_cv_course.training.face_encoder import recipe_distortion
from keras_cv_course.training.recipe import Recipe

_BATCH_NORM_MOMENTUM = 0.99


@dataclass(frozen=True)
class FaceData:
    """What a run learns from, and what is held out.

    Attributes:
        train: Sets to learn from.
        val: Sets that are held out.
        class_names: Empty: there are several tasks.
        skipped: Empty: a file that cannot be decoded is logged.
    """

    train: Faces
    val: Faces
    class_names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def split_files(self) -> dict[str, tuple[str, ...]]:
        """Paths of the files of each split; none for drawn faces, which are drawn again."""
        if self.train.drawn:
            return {}
        parts = {"train": self.train, "val": self.val}
        return {
            name: tuple(file for one in faces.sets for file in one.files)
            for name, faces in parts.items()
        }


class MultitaskTask(Task):
    """Predicts what can be seen in a face, with an output for each task."""

    name = "multitask"
    summary = "predict points, age, smile and more of a face"
    Args = MultitaskArgs
    Predict = MultitaskPredict
    Export = MultitaskExport
    metrics = ("loss",)
    resize = "stretch"

    @staticmethod
    def score(row: Mapping[str, float]) -> tuple[float, ...]:
        """Returns the score of an epoch: a low sum of the losses of all tasks."""
        return (-float(row["val_loss"]),)

    def open(self, args: MultitaskArgs, files: Mapping[str, Any] | None = None) -> FaceData:
        """Returns drawn faces, or the sets of a folder."""
        return FaceData(*open_faces(args.source).split(args.val_split, args.recipe.seed))

    def build(self, args: MultitaskArgs, data: FaceData) -> keras.Model:
        """Returns a network with a head for each task that the data has labels for."""
        body = build_body(args, args.backbone, _BATCH_NORM_MOMENTUM)
        return MultitaskFaceNetwork(body, data.train.tasks, dropout_rate=args.dropout_rate)

    def spec(self, args: MultitaskArgs, data: FaceData) -> dict[str, Any]:
        """Returns the fields of the spec, with the tasks and the names of genders."""
        tasks = [task.name for task in data.train.tasks]
        return {
            **super().spec(args, data),
            "facts": {"tasks": tasks, "gender_names": list(GENDER_NAMES)},
        }

    def training(
        self, model: keras.Model, args: MultitaskArgs, recipe: Recipe, data: FaceData
    ) -> Training:
        """Returns the network compiled, and its images as the recipe wants them."""
        tasks = data.train.tasks
        how = (label_sizes(tasks), args.input_shape, args.input_range, args.batch)
        train = labelled_epochs(data.train.sets, *how, seed=recipe.seed)
        distortion = recipe_distortion(recipe, FaceDistortion(mirror=data.train.mirror))
        if distortion is not None:
            train = distorted_faces(train, args.input_range, distortion, recipe.seed)
        val = labelled_batches(data.val.sets, *how)
        model.compile(recipe_optimizer(model, recipe, train.batches), **compile_arguments(tasks))
        return Training(model, train, val, self.score)

    def calibration(self, args: MultitaskArgs, data: FaceData, count: int) -> np.ndarray:
        """Returns images of all sets that are learned from, of each its share."""
        some = data.train.at_most(count).sets
        how = (label_sizes(data.train.tasks), args.input_shape, args.input_range, args.batch)
        batches = labelled_batches(some, *how)
        return np.concatenate([images for images, _ in batches.as_numpy_iterator()])[:count]

    def held_out(self, data: FaceData) -> Samples:
        """Returns the sets that are held out."""
        return Samples("val", data.val)

    def samples(
        self, predictor: Predictor, args: Mapping[str, Any], source: str, split: str | None
    ) -> Samples:
        """Returns the sets of a split; None is "val"."""
        source = absolute(source, MultitaskArgs.BUILT_IN)
        val_split = args.get("val_split", MultitaskArgs.val_split)
        parts = open_faces(source).split(val_split, args.get("recipe", {}).get("seed", 0))
        faces = dict(zip(("train", "val"), parts, strict=True))
        return Samples(*chosen_split(faces, split, "val", source))

    def limited(self, samples: Samples, limit: int) -> Samples:
        """Returns a share of each set, at most `limit` images."""
        return Samples(samples.split, samples.content.at_most(limit))

    def evaluate(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> Evaluation:
        """Returns a number for each task, see `face_metrics`."""
        faces: Faces = samples.content
        answers: list[tuple[FaceAttributes, Mapping[str, np.ndarray]]] = []
        pairs = ((one, row) for one in faces.sets for row in range(len(one)))
        files = [file for one in faces.sets for file in one.files]
        results = progress(predictor.stream(files), len(files))
        for result, (one, row) in zip(results, pairs, strict=True):
            answers.append((result, {name: values[row] for name, values in one.labels.items()}))
        names = predictor.spec.facts.get("gender_names", GENDER_NAMES)
        metrics = face_metrics(answers, faces.eyes, names)
        errors = {name: metrics[key] for name, key in _ERRORS.items() if key in metrics}
        return Evaluation(metrics=metrics, images=len(files), facts={"errors": errors})

    def read_outputs(
        self,
        outputs: Mapping[str, np.ndarray],
        images: Sequence[np.ndarray],
        frames: Sequence[Frame],
        spec: ModelSpec,
        options: MultitaskPredict,
    ) -> list[Result]:
        """Returns the answers about each image."""
        facts = spec.facts
        reader = AnswerReader(
            facts.get("gender_names", GENDER_NAMES), facts.get("people"), facts.get("errors", {})
        )
        results: list[Result] = []
        for i, (image, frame) in enumerate(zip(images, frames, strict=True)):
            values = {name: np.asarray(y)[i] for name, y in outputs.items()}
            results.append(FaceAttributes(image, reader.read(values, frame.size)))
        return results

    def call(
        self, model: keras.Model | TFLiteModel, spec: ModelSpec, options: MultitaskPredict
    ) -> Callable[[np.ndarray], Any]:
        """Returns what makes a dict of a batch, also where a file has one output without a name."""
        call = super().call(model, spec, options)
        file = isinstance(model, TFLiteModel)
        names = tuple(x.name for x in model.outputs) if file else output_names(model)

        def named(batch: np.ndarray) -> Any:
            outputs = call(batch)
            return outputs if isinstance(outputs, Mapping) else {names[0]: outputs}

        return named

    def recognizes(self, model: keras.Model | TFLiteModel) -> bool:
        """Whether all outputs are called as tasks of faces."""
        file = isinstance(model, TFLiteModel)
        names = {x.name for x in model.outputs} if file else set(output_names(model))
        return names <= set(ANSWERS)


@dataclass(frozen=True)
class _Meaning:
    """What labels are about: see `face_metrics`."""

    eyes: tuple[int, int]
    gender_names: Sequence[str]


def face_metrics(
    results: Iterable[tuple[FaceAttributes, Mapping[str, np.ndarray]]],
    eyes: tuple[int, int],
    gender_names: Sequence[str] = GENDER_NAMES,
) -> dict[str, float]:
    """Returns numbers by task, over the images with a label of it; none where there is no label.

    Args:
        results: Results with labels by task, as in `LabelledImages`.
        eyes: Numbers of the points between which the distance of the eyes is measured.
        gender_names: The names of labels 0 and 1 of "gender".

    Returns:
        "landmarks_nme", the mean distance of points over that between the eyes, and
        "landmarks_error_percent", over the image's width; "pose_error_degrees" and
        "age_error_years", mean absolute errors; "smile_accuracy" and "gender_accuracy"; and
        "detection_accuracy", the mean of those of faces and of images without one.
    """
    meaning, rows = _Meaning(eyes, tuple(gender_names)), dict[str, list[float]]()
    for result, labels in results:
        for task, label in labels.items():
            if task in result.attributes and np.isfinite(label).any():
                for name, value in _MEASURES[task](result, label, meaning).items():
                    rows.setdefault(name, []).append(value)
    measured = {name: float(np.nanmean(values)) for name, values in rows.items()}
    detections = [measured.pop(name) for name in _DETECTIONS if name in measured]
    if detections:
        measured["detection_accuracy"] = float(np.mean(detections))
    return measured


_ERRORS = {
    "landmarks": "landmarks_error_percent",
    "pose": "pose_error_degrees",
    "age": "age_error_years",
}
_DETECTIONS = ("faceless_detected", "faces_detected")


def _points(result: FaceAttributes, label: np.ndarray, meaning: _Meaning) -> dict[str, float]:
    size = np.array([result.image.shape[1], result.image.shape[0]])
    expected = (label.reshape(-1, 2) + 0.5) * size
    points = np.asarray(result["landmarks"].value)
    distance = np.nanmean(np.linalg.norm(points - expected, axis=1))
    error = normalized_mean_error(expected[None], points[None], meaning.eyes)
    return {
        "landmarks_nme": float(error[0]),
        "landmarks_error_percent": float(100 * distance / size[0]),
    }


def _angles(result: FaceAttributes, label: np.ndarray, meaning: _Meaning) -> dict[str, float]:
    degrees = np.array(list(result["pose"].value.values()))
    return {"pose_error_degrees": float(np.nanmean(np.abs(degrees - label)))}


def _years(result: FaceAttributes, label: np.ndarray, meaning: _Meaning) -> dict[str, float]:
    return {"age_error_years": float(abs(result["age"].value - label[0]))}


def _smile(result: FaceAttributes, label: np.ndarray, meaning: _Meaning) -> dict[str, float]:
    return {"smile_accuracy": float(result["smile"].value == bool(label[0]))}


def _gender(result: FaceAttributes, label: np.ndarray, meaning: _Meaning) -> dict[str, float]:
    right = result["gender"].value == meaning.gender_names[int(label[0])]
    return {"gender_accuracy": float(right)}


def _face(result: FaceAttributes, label: np.ndarray, meaning: _Meaning) -> dict[str, float]:
    return {_DETECTIONS[int(label[0])]: float(result["detection"].value == bool(label[0]))}


_MEASURES: dict[str, Callable[[FaceAttributes, np.ndarray, _Meaning], dict[str, float]]] = {
    "landmarks": _points,
    "pose": _angles,
    "age": _years,
    "smile": _smile,
    "gender": _gender,
    "detection": _face,
}


TASK = MultitaskTask()
