"""The task of naming and finding the one object of an image."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_cv_course.data import DrawnScenes
from keras_cv_course.data.box_augmentation import augmented_boxes
from keras_cv_course.data.framing import Frame
from keras_cv_course.data.largest_box import with_largest_box
from keras_cv_course.detectors.localizer import Localizer
from keras_cv_course.metrics.detections import Truth
from keras_cv_course.networks.specs import output_names, spec_of
from keras_cv_course.ops.boxes import iou
from keras_cv_course.predictors.localization import Localization
from keras_cv_course.predictors.mosaics import save_mosaic
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Result
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.base import Evaluation, Progress, Samples, Task, Training, silent
from keras_cv_course.tasks.bodies import build_body
from keras_cv_course.tasks.box_results import results_beside_truths, true_boxes
from keras_cv_course.tasks.detection_data import (
    Boxes,
    DetectionData,
    open_annotated,
    open_boxes,
    typical_images,
)
from keras_cv_course.tasks.held_out import HeldOutMetrics
from keras_cv_course.tasks.localization_args import Args as LocalizationArgs
from keras_cv_course.tasks.localization_args import Export as LocalizationExport
from keras_cv_course.tasks.localization_args import Predict as LocalizationPredict
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.training.applying import recipe_optimizer
from keras_cv_course.training.recipe import Recipe

# Squared errors of boxes in parts of the image are small; the weight is YOLOv1's.
_BOX_WEIGHT = 5.0
# An object is localized if its class is right and the boxes overlap so far, as in ImageNet.
_LEAST_IOU = 0.5
_SCENE_SHAPE = (96, 96)
_SHOWN = 6  # images in a mosaic, each beside what is true
_OUTPUTS = {"boxes", "classes"}


class LocalizationTask(Task):
    """Names the one object of an image and finds its box; of several the largest counts."""

    name = "localize"
    summary = "name and find the one object of an image"
    Args = LocalizationArgs
    Predict = LocalizationPredict
    Export = LocalizationExport
    metrics = ("localization_accuracy", "accuracy", "mean_iou")
    resize = "stretch"

    @staticmethod
    def score(row: Mapping[str, float]) -> tuple[float, ...]:
        """Returns the score of an epoch: objects that are named and found, then overlap."""
        return (float(row["val_localization_accuracy"]), float(row["val_mean_iou"]))

    def open(self, args: LocalizationArgs, files: Mapping[str, Any] | None = None) -> DetectionData:
        """Returns drawn scenes of one shape, or the annotated images of a folder."""
        return open_annotated(args, _boxes)

    def build(self, args: LocalizationArgs, data: DetectionData) -> keras.Model:
        """Returns a localizer for the classes of the data."""
        body = build_body(args, args.backbone)
        return Localizer(body, len(data.class_names), dropout_rate=args.dropout_rate)

    def training(
        self, model: keras.Model, args: LocalizationArgs, recipe: Recipe, data: DetectionData
    ) -> Training:
        """Returns the localizer compiled, and its images as the recipe wants them."""
        epochs = data.epochs
        steps = {"window": recipe.zoom > 0, "flip": recipe.flip, "colour": recipe.colour}
        chosen = [step for step, wanted in steps.items() if wanted]
        if chosen:
            sides = (1 - recipe.zoom, 1.0)
            epochs = augmented_boxes(epochs, chosen, recipe.seed, 1.0, sides)
        train = with_largest_box(epochs, args.input_shape[:2], args.input_range)
        optimizer = recipe_optimizer(model, recipe, train.batches)
        model.compile(
            optimizer,
            loss={
                "boxes": "mse",
                "classes": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "objectness": keras.losses.BinaryCrossentropy(from_logits=True),
            },
            loss_weights={"boxes": _BOX_WEIGHT, "classes": 1.0, "objectness": 1.0},
        )
        predictor = self.predictor(model, spec_of(model), args.input_shape, self.Predict())
        samples = self.held_out(data)

        def measure() -> Mapping[str, float]:
            metrics = self.evaluate(predictor, samples).metrics
            return {name: metrics[name] for name in self.metrics}

        return Training(model, train, None, self.score, None, (HeldOutMetrics(measure),))

    def calibration(self, args: LocalizationArgs, data: DetectionData, count: int) -> np.ndarray:
        """Returns the first images that are learned from."""
        return typical_images(data.train, args.input_shape, args.input_range, count)

    def held_out(self, data: DetectionData) -> Samples:
        """Returns the validation split."""
        return Samples("val", data.val, data.class_names)

    def samples(
        self, predictor: Predictor, args: Mapping[str, Any], source: str, split: str | None
    ) -> Samples:
        """Returns the annotated images of a split; None is "val"."""
        chosen = split or "val"
        size = tuple(args.get("input_shape", _SCENE_SHAPE)[:2])
        boxes = _boxes(source, chosen, size, predictor.spec.class_names or None)
        return Samples(chosen, boxes, tuple(boxes.class_names))

    def limited(self, samples: Samples, limit: int) -> Samples:
        """Returns the first `limit` samples."""
        boxes: Boxes = samples.content
        some = (
            dataclasses.replace(boxes, count=min(limit, boxes.count))
            if isinstance(boxes, DrawnScenes)
            else dataclasses.replace(boxes, images=boxes.images[:limit])
        )
        return Samples(samples.split, some, samples.class_names)

    def evaluate(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> Evaluation:
        """Returns how often the class is right, how far boxes overlap, and how often both hold.

        They are over the images with an object, "presence_accuracy" is over all of them.
        """
        names, shown = samples.class_names, list[Result]()
        right: list[bool] = []
        overlap: list[float] = []
        presence: list[bool] = []
        total = len(samples.content)
        for image, truth, result in progress(
            results_beside_truths(predictor, samples.content), total
        ):
            expected = _largest(truth)
            if len(shown) < 2 * _SHOWN:
                rows = [] if expected is None else [expected]
                shown.append(true_boxes(image, truth.boxes[rows], truth.labels[rows], names))
                shown.append(result)
            presence.append(result.present == (expected is not None))
            if expected is not None:
                right.append(result.label == int(truth.labels[expected]))
                measured = iou(truth.boxes[expected], result.box_xyxy)
                overlap.append(float(keras.ops.convert_to_numpy(measured)))
        both = [named and value >= _LEAST_IOU for named, value in zip(right, overlap, strict=True)]
        return Evaluation(
            metrics={
                "localization_accuracy": _mean(both),
                "accuracy": _mean(right),
                "mean_iou": _mean(overlap),
                "presence_accuracy": _mean(presence),
            },
            images=len(presence),
            plots={"predictions": partial(save_mosaic, shown, columns=4)},
        )

    def read_outputs(
        self,
        outputs: Mapping[str, np.ndarray],
        images: Sequence[np.ndarray],
        frames: Sequence[Frame],
        spec: ModelSpec,
        options: LocalizationPredict,
    ) -> list[Result]:
        """Returns the object of each image."""
        logits = np.asarray(outputs["classes"], np.float32)
        corners, sizes = np.split(np.asarray(outputs["boxes"], np.float32), 2, axis=1)
        boxes = np.concatenate([corners, corners + np.maximum(sizes, 0)], axis=1)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        results: list[Result] = []
        for i, (image, frame) in enumerate(zip(images, frames, strict=True)):
            label = int(shares[i].argmax())
            there = float(outputs["objectness"][i, 0]) if "objectness" in outputs else np.inf
            results.append(
                Localization(
                    image,
                    frame.to_image(boxes[i : i + 1])[0],
                    label,
                    spec.class_names[label] if spec.class_names else str(label),
                    float(shares[i, label]),
                    float(1 / (1 + np.exp(-there))),
                )
            )
        return results

    def recognizes(self, model: keras.Model | TFLiteModel) -> bool:
        """Whether a model returns a box and the scores of classes for each image."""
        if isinstance(model, TFLiteModel):
            shapes = {x.name: len(x.shape) for x in model.outputs}
        else:
            sizes = [len(x.shape) for x in model.outputs]
            shapes = dict(zip(output_names(model), sizes, strict=True))
        return set(shapes) >= _OUTPUTS and shapes["boxes"] == 2

    def first_batch(self, args: LocalizationArgs, data: DetectionData) -> list[Result]:
        """Returns the first images that are learned from, each with its largest box."""
        images, boxes = next(data.epochs.since(0).take(1).as_numpy_iterator())
        shown: list[Result] = []
        for image, sides, labels in zip(images[:9], boxes["boxes"], boxes["labels"], strict=False):
            real = labels >= 0
            areas = np.where(real, np.prod(sides[:, 2:] - sides[:, :2], axis=1), -1)
            kept = np.argsort(-areas)[: min(1, int(real.sum()))]
            shown.append(true_boxes(image, sides[kept], labels[kept], data.class_names))
        return shown


def _boxes(
    source: str, split: str, size_px: Any, class_names: tuple[str, ...] | None = None
) -> Boxes:
    boxes = open_boxes(source, split, size_px, class_names)
    return dataclasses.replace(boxes, most_shapes=1) if isinstance(boxes, DrawnScenes) else boxes


def _largest(truth: Truth) -> int | None:
    """Returns the number of the largest object; None where there is none. Crowds are no objects."""
    if np.all(truth.crowd):
        return None
    sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
    return int(np.argmax(np.where(truth.crowd, -1.0, np.prod(sides, axis=1))))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


TASK = LocalizationTask()
