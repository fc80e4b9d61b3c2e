"""The task of naming what an image shows."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course.data import (
    ImageDataset,
    calibration_array,
    digits,
    image_folder,
    labelled_folder,
    sharded,
)
from keras_cv_course.data.framing import Frame
from keras_cv_course.data.shards import holds_shards
from keras_cv_course.predictors.mosaics import save_mosaic
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Classification, Result
from keras_cv_course.registry import build_model
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.base import Evaluation, Progress, Samples, Task, Training, silent
from keras_cv_course.tasks.bodies import momentum_option
from keras_cv_course.tasks.classification_args import DIGITS
from keras_cv_course.tasks.classification_args import Args as ClassificationArgs
from keras_cv_course.tasks.classification_args import Export as ClassificationExport
from keras_cv_course.tasks.classification_args import Predict as ClassificationPredict
from keras_cv_course.tasks.detection_data import holds_boxes
from keras_cv_course.tasks.splits import absolute, chosen_split
from keras_cv_course.tflite import TFLiteModel, compare
from keras_cv_course.training.applying import compile_classifier, prepared_for
from keras_cv_course.training.evaluation import ClassifierReport, evaluate_classifier
from keras_cv_course.training.history import by_accuracy
from keras_cv_course.training.layer_groups import classifier_of
from keras_cv_course.training.linear_probe import fit_head
from keras_cv_course.training.plots import plot_confusion
from keras_cv_course.training.preparation import prepared
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.transfer_learning import TransferPolicy, freeze
from keras_cv_course.training.transfer_plan import FEW

_LOG = logging.getLogger(__name__)

_SPLITS = ("train", "val", "test")
_BATCH = 32
_SHOWN = 9  # images in a mosaic
_ALL = TransferPolicy(learning_groups=None)


class ClassificationTask(Task):
    """Names what an image shows, with a probability for each class."""

    name = "classify"
    summary = "name what an image shows"
    Args = ClassificationArgs
    Predict = ClassificationPredict
    Export = ClassificationExport
    metrics = ("accuracy",)
    resize = "crop"
    score = staticmethod(by_accuracy)

    def open(
        self, args: ClassificationArgs, files: Mapping[str, Any] | None = None
    ) -> ImageDataset:
        """Returns the digits, or the images of shards or of a folder, in splits."""
        return open_images(
            args.source,
            args.input_shape,
            args.input_range,
            args.batch,
            args.val_split,
            args.recipe.seed,
            files,
        )

    def build(self, args: ClassificationArgs, data: ImageDataset) -> keras.Model:
        """Returns a classifier for the classes of the data."""
        options = {} if args.alpha is None else {"alpha": args.alpha}
        model = build_model(
            args.model,
            input_shape=args.input_shape,
            weights=args.weights,
            classes=len(data.class_names),
            **momentum_option(args.model),
            **options,
        )
        if args.head_first and args.weights is not None:
            _fit_new_head(model, data, args)
        return model

    def training(
        self, model: keras.Model, args: ClassificationArgs, recipe: Recipe, data: ImageDataset
    ) -> Training:
        """Returns the classifier compiled, and its images as the recipe wants them."""
        images, val = prepared_for(model, recipe, data.epochs, data.val, args.input_range)
        compile_classifier(model, recipe, images.batches)
        return Training(model, images, val, by_accuracy)

    def calibration(self, args: ClassificationArgs, data: ImageDataset, count: int) -> np.ndarray:
        """Returns images of the training split."""
        return calibration_array(data.train, args.input_shape, args.input_range, count)

    def held_out(self, data: ImageDataset) -> Samples:
        """Returns the test split, or where there is none the validation split."""
        if data.test is not None:
            return Samples("test", data.test, data.class_names)
        return Samples("val", data.val, data.class_names)

    def samples(
        self, predictor: Predictor, args: Mapping[str, Any], source: str, split: str | None
    ) -> Samples:
        """Returns labelled images that a model can be measured on.

        A folder without `train` and `val` is read whole, unless the model was trained on it: then
        its split is made again as it was in training.
        """
        spec, shape = predictor.spec, predictor.input_shape
        assert spec.input_range is not None
        source = absolute(source, ClassificationArgs.BUILT_IN)
        whole = (
            source != DIGITS
            and source != args.get("data")
            and not holds_shards(source)
            and not any((Path(source) / name).is_dir() for name in _SPLITS)
        )
        if whole:
            if split is not None:
                raise ValueError(
                    f"{source} has no splits: it must hold `train` and `val` for --split."
                )
            if spec.class_names is None:
                raise ValueError(
                    f"The classes of {predictor.path}, and so their order, are not known."
                )
            images, _ = labelled_folder(source, shape, spec.input_range, spec.class_names)
            return Samples("all", images, spec.class_names)
        val_split, seed = args.get("val_split", 0.2), args.get("recipe", {}).get("seed", 0)
        files = args.get("files") if source == args.get("data") else None
        data = open_images(source, shape, spec.input_range, _BATCH, val_split, seed, files)
        if spec.class_names is not None and spec.class_names != data.class_names:
            raise ValueError(
                f"The classes of {source} must be those of {predictor.path}, "
                f"{list(spec.class_names)}. They are {list(data.class_names)}."
            )
        present = {name: getattr(data, name) for name in _SPLITS if getattr(data, name) is not None}
        chosen, images = chosen_split(present, split, list(present)[-1], source)
        return Samples(chosen, images, data.class_names)

    def limited(self, samples: Samples, limit: int) -> Samples:
        """Returns the first `limit` samples."""
        some = samples.content.unbatch().take(limit).batch(_BATCH)
        return Samples(samples.split, some, samples.class_names)

    def evaluate(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> Evaluation:
        """Returns accuracy, and precision and recall of each class."""
        total = int(samples.content.cardinality())
        batches = progress(samples.content.as_numpy_iterator(), total if total >= 0 else None)
        report = evaluate_classifier(predictor.model, batches, samples.class_names)
        shown = partial(_save_predictions, predictor, samples)
        details = report.to_dict()
        del details["accuracy"], details["images"]
        counts = np.array(report.confusion)
        return Evaluation(
            metrics={"accuracy": report.accuracy},
            images=sum(report.support),
            details=details,
            table=_table(report),
            plots={
                "confusion_matrix": partial(plot_confusion, counts, report.class_names),
                "predictions": shown,
            },
        )

    def compare(
        self,
        reference: Predictor,
        candidate: Predictor,
        samples: Samples,
        limit: int,
        progress: Progress = silent,
    ) -> Any:
        """Returns differences of the outputs, decisions and accuracy, see `tflite.compare`."""
        assert candidate.path is not None  # It was opened from a file.
        some = self.limited(samples, limit).content
        return compare(reference.keras_model, candidate.path, some)

    def agreement(
        self, reference: Predictor, candidate: Predictor, samples: Samples
    ) -> float | None:
        """Returns the share of images whose most probable class is the same."""
        assert candidate.path is not None
        return compare(reference.keras_model, candidate.path, samples.content).agreement

    def read_outputs(
        self,
        outputs: Any,
        images: Sequence[np.ndarray],
        frames: Sequence[Frame],
        spec: ModelSpec,
        options: ClassificationPredict,
    ) -> list[Result]:
        """Returns the classes of each image, the most probable first."""
        scores = np.asarray(outputs, np.float32)
        names = spec.class_names or tuple(str(i) for i in range(scores.shape[-1]))
        if scores.ndim != 2 or len(names) != scores.shape[1]:
            raise ValueError(
                f"A classifier must return a score for each of its {len(names)} classes. Received: "
                f"outputs of shape {scores.shape}."
            )
        results: list[Result] = []
        for image, row in zip(images, scores, strict=True):
            order = row.argsort()[::-1]
            ordered = tuple(names[i] for i in order)
            results.append(Classification(image, ordered, row[order], options.top))
        return results

    def first_batch(self, args: ClassificationArgs, data: ImageDataset) -> list[Result]:
        """Returns the first images that are learned from, as the recipe changes them."""
        images, labels = next(
            prepared(data.epochs, _unmixed(args.recipe), len(data.class_names), args.input_range)
            .since(0)
            .take(1)
            .as_numpy_iterator()
        )
        return [
            Classification(pixels, (data.class_names[label],), np.ones(1, np.float32))
            for pixels, label in zip(
                _pixels(images[:_SHOWN], args.input_range), labels, strict=False
            )
        ]

    def recognizes(self, model: keras.Model | TFLiteModel) -> bool:
        """Whether a model returns one vector."""
        shapes = [tuple(output.shape) for output in model.outputs]
        return len(shapes) == 1 and len(shapes[0]) == 2


def _fit_new_head(model: keras.Model, data: ImageDataset, args: ClassificationArgs) -> None:
    """Fits a classifier that the weights did not bring, where images are few."""
    head, _ = classifier_of(model)
    stored = np.any(head.get_weights()[-1])  # Fresh biases are zero.
    if stored or data.epochs.batches * args.batch > FEW:
        return
    _LOG.info(
        "The images are few (up to %s), so the new classifier is fitted on the frozen network "
        "first; then all layers but batch normalization learn. --no-head-first leaves that out.",
        f"{FEW:,}",
    )
    freeze(fit_head(model, data.train, flip=args.recipe.flip), _ALL)


def _save_predictions(predictor: Predictor, samples: Samples, path: Path) -> None:
    """Writes a mosaic of the first images with what they show and what they are taken for."""
    images, labels = next(samples.content.as_numpy_iterator())
    scores = np.asarray(predictor.model(images[:_SHOWN]))
    names, results = samples.class_names, []
    for pixels, label, row in zip(
        _pixels(images, predictor.spec.input_range), labels, scores, strict=False
    ):
        best = int(row.argmax())
        verdict = names[best] if best == label else f"{names[best]}, not {names[label]}"
        results.append(Classification(pixels, (verdict,), row[[best]]))
    save_mosaic(results, path)


def _pixels(images: np.ndarray, input_range: tuple[float, float] | None) -> np.ndarray:
    """Returns images in a model's range as uint8 pixels."""
    assert input_range is not None
    low, high = input_range
    return np.clip(np.rint((images - low) / (high - low) * 255), 0, 255).astype(np.uint8)


def open_images(
    source: str,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch: int,
    val_split: float,
    seed: int,
    files: Mapping[str, Sequence[str]] | None = None,
) -> ImageDataset:
    """Returns the digits, or the images of shards or of a folder, in splits.

    Args:
        source: "digits", or a folder of shards or of class folders.
        input_shape: (height, width, channels) of the network's input.
        input_range: Smallest and largest value that it takes.
        batch: Images in a batch.
        val_split: Share held out where there is no `val` folder.
        seed: Decides the split and the order.
        files: The split of a folder of class folders as it was recorded; None draws it.
    """
    if source == DIGITS:
        return digits(input_shape, input_range, batch, seed)
    if holds_shards(source):
        return sharded(source, input_shape, input_range, batch, seed)
    if holds_boxes(Path(source)):
        raise ValueError(
            f"{source} must hold a folder of images for each class, and holds images with boxes. "
            "Train a detector on them with --task detect."
        )
    return image_folder(source, input_shape, input_range, batch, val_split, seed, files)


def _unmixed(recipe: Recipe) -> Recipe:
    """Returns a recipe under which an image shows one class."""
    return dataclasses.replace(recipe, mixup=0.0, cutmix=0.0, label_smoothing=0.0)


def _table(report: ClassifierReport) -> tuple[tuple[str, ...], ...]:
    columns = (report.class_names, report.precision, report.recall, report.support)
    rows = (
        (name, f"{precision:.2%}", f"{recall:.2%}", str(images))
        for name, precision, recall, images in zip(*columns, strict=True)
    )
    return (("class", "precision", "recall", "images"), *rows)


TASK = ClassificationTask()
