"""The task of naming the class of each pixel."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_cv_course.data import DrawnMasks, segmentation_epochs
from keras_cv_course.data.box_augmentation import augmented_boxes
from keras_cv_course.data.dataset import rescale
from keras_cv_course.data.framing import Frame
from keras_cv_course.data.segmentation import Masks, first_epoch, for_fit
from keras_cv_course.data.windows import IGNORE_VALUE
from keras_cv_course.layers.class_numbers import ClassNumbers
from keras_cv_course.losses.segmentation import SegmentationLoss
from keras_cv_course.metrics.segmentation import (
    boundary_f1,
    mean_over_images,
    pixel_confusion,
    segmentation_scores,
)
from keras_cv_course.networks.specs import with_spec
from keras_cv_course.predictors.mosaics import save_mosaic
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Result
from keras_cv_course.predictors.segmentation import Segmentation, SegmentationErrors, decide
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.base import Evaluation, Progress, Samples, Task, Training, silent
from keras_cv_course.tasks.segmentation_args import LOSSES
from keras_cv_course.tasks.segmentation_args import Args as SegmentationArgs
from keras_cv_course.tasks.segmentation_args import Export as SegmentationExport
from keras_cv_course.tasks.segmentation_args import Predict as SegmentationPredict
from keras_cv_course.tasks.segmentation_data import SegmentationData, open_masks
from keras_cv_course.tasks.segmenter_building import build_segmenter
from keras_cv_course.training.applying import recipe_optimizer
from keras_cv_course.training.recipe import Recipe

_SCENE_SHAPE = (128, 128)
_SHOWN = 6  # images in a mosaic: what is true, what was found, and where they differ
_FIRST = 9


class SegmentationTask(Task):
    """Names the class of each pixel."""

    name = "segment"
    summary = "name the class of each pixel"
    Args = SegmentationArgs
    Predict = SegmentationPredict
    Export = SegmentationExport
    metrics = ("mean_iou", "pixel_accuracy", "boundary_f1")
    resize = "stretch"

    @staticmethod
    def score(row: Mapping[str, float]) -> tuple[float, ...]:
        """Returns the score of an epoch: mean overlap of the classes, then the loss."""
        return (float(row["val_mean_iou"]), -float(row["val_loss"]))

    def open(
        self, args: SegmentationArgs, files: Mapping[str, Any] | None = None
    ) -> SegmentationData:
        """Returns drawn scenes, or the images and masks of a folder."""
        size, seed = args.input_shape[:2], args.recipe.seed
        train = open_masks(args.source, "train", size, args.ignore_value, seed=seed)
        names = tuple(train.class_names)
        val = open_masks(args.source, "val", size, args.ignore_value, names, seed)
        shared = (args.input_shape, args.batch, self.resize)
        epochs = segmentation_epochs(train, *shared, seed)
        return SegmentationData(train, val, epochs, segmentation_epochs(val, *shared))

    def build(self, args: SegmentationArgs, data: SegmentationData) -> keras.Model:
        """Returns a segmenter for the classes of the data."""
        return build_segmenter(args, len(data.class_names))

    def training(
        self, model: keras.Model, args: SegmentationArgs, recipe: Recipe, data: SegmentationData
    ) -> Training:
        """Returns the segmenter compiled, and its images as the recipe wants them.

        Epochs are measured at the size of the input, runs at that of the images.
        """
        epochs = data.epochs
        steps = {
            "mosaic": recipe.mosaic,
            "window": recipe.zoom > 0,
            "flip": recipe.flip,
            "colour": recipe.colour,
        }
        chosen = [step for step, wanted in steps.items() if wanted]
        if chosen:
            sides = (1 - recipe.zoom, 1.0)
            epochs = augmented_boxes(epochs, chosen, recipe.seed, 1.0, sides)
        train = for_fit(epochs, args.input_range)
        model.compile(
            recipe_optimizer(model, recipe, train.batches),
            SegmentationLoss(LOSSES[args.loss]),
            metrics=[
                keras.metrics.MeanIoU(
                    len(data.class_names),
                    ignore_class=IGNORE_VALUE,
                    sparse_y_pred=False,
                    name=self.metrics[0],
                )
            ],
        )
        val = first_epoch(for_fit(data.held_out, args.input_range))
        return Training(model, train, val, self.score)

    def calibration(self, args: SegmentationArgs, data: SegmentationData, count: int) -> np.ndarray:
        """Returns the first images that are learned from."""
        batches = data.epochs.since(0).unbatch().take(min(count, len(data.train)))
        images = np.stack([image for image, _ in batches.as_numpy_iterator()])
        return rescale(args.input_range)(images).numpy()

    def held_out(self, data: SegmentationData) -> Samples:
        """Returns the validation split."""
        return Samples("val", data.val, data.class_names)

    def samples(
        self, predictor: Predictor, args: Mapping[str, Any], source: str, split: str | None
    ) -> Samples:
        """Returns the images and masks of a split; None is "val"."""
        chosen = split or "val"
        size = tuple(args.get("input_shape", _SCENE_SHAPE)[:2])
        ignore = int(args.get("ignore", IGNORE_VALUE))
        seed = int(args.get("recipe", {}).get("seed", 0))
        masks = open_masks(
            source,
            chosen,
            (size[0], size[1]),
            None if ignore < 0 else ignore,
            predictor.spec.class_names or None,
            seed,
        )
        return Samples(chosen, masks, tuple(masks.class_names))

    def limited(self, samples: Samples, limit: int) -> Samples:
        """Returns the first `limit` samples."""
        masks: Masks = samples.content
        some: Masks
        if isinstance(masks, DrawnMasks):
            scenes = dataclasses.replace(masks.scenes, count=min(limit, len(masks)))
            some = dataclasses.replace(masks, scenes=scenes)
        else:
            some = dataclasses.replace(masks, images=masks.images[:limit])
        return Samples(samples.split, some, samples.class_names)

    def evaluate(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> Evaluation:
        """Returns how classes overlap, how many pixels are right, and how outlines agree.

        Masks are compared in the pixels of the images. Classes that neither occur nor are found are
        left out of means, and pixels that have no class out of everything.
        """
        names, shown = samples.class_names, list[Result]()
        classes, outlines = len(names), []
        confusion = np.zeros((classes, classes), np.int64)
        total = len(samples.content)
        for image, truth, result in progress(_found(predictor, samples.content), total):
            confusion += pixel_confusion(truth, result.mask, classes)
            outlines.append(boundary_f1(truth, result.mask, classes))
            if len(shown) < 3 * _SHOWN:
                wrong = (truth != result.mask) & (truth != IGNORE_VALUE)
                shown += [Segmentation(image, truth, names), result]
                shown.append(SegmentationErrors(image, wrong))
        scores = segmentation_scores(confusion)
        metrics = {
            "mean_iou": scores.mean_iou,
            "pixel_accuracy": scores.pixel_accuracy,
            "boundary_f1": mean_over_images(outlines),
        }
        return Evaluation(
            metrics,
            len(outlines),
            {"classes": _by_class(names, scores.iou, scores.accuracy)},
            _table(metrics, names, scores.iou),
            {"predictions": partial(save_mosaic, shown)},
        )

    def read_outputs(
        self,
        outputs: np.ndarray,
        images: Sequence[np.ndarray],
        frames: Sequence[Frame],
        spec: ModelSpec,
        options: SegmentationPredict,
    ) -> list[Result]:
        """Returns the class of each pixel of each image."""
        rows = zip(np.asarray(outputs), images, frames, strict=True)
        return [
            Segmentation(image, decide(scores, frame), spec.class_names)
            for scores, image, frame in rows
        ]

    def exportable(
        self, model: keras.Model, spec: ModelSpec, options: SegmentationExport
    ) -> tuple[Any, dict[str, Any]]:
        """Returns the segmenter, with an argmax at its end if it is asked for."""
        if not options.argmax:
            return model, {}
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        labels = ClassNumbers(name="class_numbers")(copy.output)
        known = {"task": self.name, "class_names": spec.class_names}
        with_argmax = keras.Model(copy.input, labels, name=model.name)
        return with_spec(with_argmax, **known), {}

    def agreement(
        self, reference: Predictor, candidate: Predictor, samples: Samples
    ) -> float | None:
        """Returns the share of pixels that a file decides as its model does."""
        alike = pixels = 0
        for image, _, result in _found(reference, samples.content):
            (other,) = candidate.results([image])
            alike += int((result.mask == other.mask).sum())
            pixels += result.mask.size
        return alike / pixels

    def first_batch(self, args: SegmentationArgs, data: SegmentationData) -> list[Result]:
        """Returns the first images that are learned from, each with its mask."""
        images, masks = next(data.epochs.since(0).take(1).as_numpy_iterator())
        rows = zip(images[:_FIRST], masks["masks"], strict=False)
        return [
            Segmentation(image.astype(np.uint8), mask, data.class_names) for image, mask in rows
        ]


def _found(
    predictor: Predictor, masks: Masks
) -> Iterator[tuple[np.ndarray, np.ndarray, Segmentation]]:
    """Yields images with their masks and what is found."""
    for image, truth in masks.samples():
        (result,) = predictor.results([image])
        yield image, truth, result


def _by_class(
    names: Sequence[str], iou: np.ndarray, accuracy: np.ndarray
) -> list[dict[str, str | float | None]]:
    return [
        {"name": name, "iou": _known(overlap), "accuracy": _known(right)}
        for name, overlap, right in zip(names, iou, accuracy, strict=True)
    ]


def _table(
    metrics: Mapping[str, float], names: Sequence[str], iou: np.ndarray
) -> tuple[tuple[str, ...], ...]:
    values = {**metrics, **{f"IoU of {n}": x for n, x in zip(names, iou, strict=True)}}
    numbers = ((name, "" if np.isnan(x) else f"{x:.4f}") for name, x in values.items())
    return (("", "value"), *numbers)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


TASK = SegmentationTask()
