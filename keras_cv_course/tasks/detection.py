"""The task of finding objects in an image."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_cv_course.data.framing import Frame
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.detectors.detector import Detector, detections_of
from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.detection_postprocess import OUTPUTS
from keras_cv_course.metrics.coco_ap import coco_average_precision
from keras_cv_course.metrics.detection_confusion import detection_confusion
from keras_cv_course.metrics.detections import Truth
from keras_cv_course.metrics.voc_ap import voc_average_precision
from keras_cv_course.predictors.mosaics import save_mosaic
from keras_cv_course.predictors.predictor import Predictor
from keras_cv_course.predictors.results import Detections, Result
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks.base import Evaluation, Progress, Samples, Task, Training, silent
from keras_cv_course.tasks.box_results import results_beside_truths, true_boxes
from keras_cv_course.tasks.comparison import Comparison
from keras_cv_course.tasks.detection_args import NMS
from keras_cv_course.tasks.detection_args import Args as DetectionArgs
from keras_cv_course.tasks.detection_args import Export as DetectionExport
from keras_cv_course.tasks.detection_args import Predict as DetectionPredict
from keras_cv_course.tasks.detection_data import (
    Boxes,
    DetectionData,
    open_annotated,
    open_boxes,
    typical_images,
)
from keras_cv_course.tasks.detector_building import build_detector
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.tflite.lowest_score import lowest_score
from keras_cv_course.training.detection_fit import (
    LOWEST_SCORE,
    by_average_precision,
    detection_images,
    detector_training,
)
from keras_cv_course.training.plots import plot_confusion
from keras_cv_course.training.precision_recall import plot_precision_recall
from keras_cv_course.training.recipe import Recipe

# Of its boxes; the weight is YOLOv1's. With 1, small objects are found, but their boxes are poor.
_LOSS: dict[str, dict[str, Any]] = {"yolo": {"box_loss": "ciou", "box_weight": 5.0}}
_SCENE_SHAPE = (320, 320)  # of drawn scenes, by default
_SHOWN = 6  # images in a mosaic, each beside what is true
_SHOWN_SCORE = 0.4


class DetectionTask(Task):
    """Finds objects: a box, a class and a score for each."""

    name = "detect"
    summary = "find objects in an image"
    Args = DetectionArgs
    Predict = DetectionPredict
    Export = DetectionExport
    metrics = ("AP50", "AP")
    resize = "stretch"
    score = staticmethod(by_average_precision)

    def open(self, args: DetectionArgs, files: Mapping[str, Any] | None = None) -> DetectionData:
        """Returns drawn scenes, or the annotated images of a folder."""
        return open_annotated(args)

    def build(self, args: DetectionArgs, data: DetectionData) -> keras.Model:
        """Returns a detector on MobileNetV2 for the classes of the data."""
        return build_detector(args, data)

    def training(
        self, model: keras.Model, args: DetectionArgs, recipe: Recipe, data: DetectionData
    ) -> Training:
        """Returns the detector compiled, and its images as the recipe wants them."""
        images = detection_images(data.epochs, recipe, model, args.input_range)
        return detector_training(
            model,
            recipe,
            images,
            data.val.samples,
            data.class_names,
            every=max(1, recipe.epochs // 10),
            **_LOSS.get(args.model, {}),
        )

    def calibration(self, args: DetectionArgs, data: DetectionData, count: int) -> np.ndarray:
        """Returns the first images that are learned from."""
        return typical_images(data.train, args.input_shape, args.input_range, count)

    def held_out(self, data: DetectionData) -> Samples:
        """Returns the validation split."""
        return Samples("val", data.val, data.class_names)

    def samples(
        self, predictor: Predictor, args: Mapping[str, Any], source: str, split: str | None
    ) -> Samples:
        """Returns the annotated images of a split; None is "val"."""
        names, chosen = predictor.spec.class_names, split or "val"
        size = tuple(args.get("input_shape", _SCENE_SHAPE)[:2])
        boxes = open_boxes(source, chosen, size, names)
        if names is None:
            _check_count(predictor, source, tuple(boxes.class_names))
        return Samples(chosen, boxes, tuple(boxes.class_names))

    def limited(self, samples: Samples, limit: int) -> Samples:
        """Returns the first `limit` samples."""
        return Samples(samples.split, _First(samples.content, limit), samples.class_names)

    def measuring(self) -> DetectionPredict:
        """Returns a score so low that what is below changes no average precision."""
        return DetectionPredict(score=LOWEST_SCORE)

    def evaluate(
        self, predictor: Predictor, samples: Samples, progress: Progress = silent
    ) -> Evaluation:
        """Returns COCO's and VOC's average precision, and that of each class at an IoU of 0.5."""
        names = samples.class_names
        truths: list[Truth] = []
        results: list[dict[str, np.ndarray]] = []
        shown: list[Result] = []
        total = len(samples.content)
        for image, truth, result in progress(
            results_beside_truths(predictor, samples.content), total
        ):
            if len(shown) < 2 * _SHOWN:
                shown += [true_boxes(image, truth.boxes, truth.labels, names), _sure(result)]
            truths.append(truth)
            results.append(result.arrays())
        reached = coco_average_precision(truths, results, names)
        for name, kind in (("VOC07", "11_points"), ("VOC12", "area")):
            reached[name] = voc_average_precision(truths, results, names, kind=kind)["mAP"]
        counts = detection_confusion(truths, results, len(names), score_threshold=_SHOWN_SCORE)
        order = (*self.metrics, *(name for name in reached if name not in self.metrics))
        classes = {name: reached[f"AP/{name}"] for name in names}
        return Evaluation(
            metrics={name: reached[name] for name in order},
            images=len(truths),
            details={
                "classes": {name: None if np.isnan(x) else x for name, x in classes.items()},
                "lowest_score": _lowest(predictor),
            },
            plots={
                "precision_recall": partial(plot_precision_recall, truths, results, names),
                "confusion_matrix": partial(
                    plot_confusion, counts, names, none=("nothing", "missed")
                ),
                "predictions": partial(save_mosaic, shown, columns=4),
            },
        )

    def compare(
        self,
        reference: Predictor,
        candidate: Predictor,
        samples: Samples,
        limit: int,
        progress: Progress = silent,
    ) -> Comparison:
        """Returns average precisions of both, of the scores that the file gives.

        What the file leaves out does not count as a difference.
        """
        lowest = _lowest(candidate)
        again = self.predictor_at(reference, lowest)
        some = self.limited(samples, limit)
        before, after = (self.evaluate(one, some, progress) for one in (again, candidate))
        names = (str(reference.path), str(candidate.path))
        return Comparison(names, samples.split, (before, after), {"lowest_score": lowest})

    def predictor_at(self, predictor: Predictor, score: float) -> Predictor:
        """Returns a Keras predictor that finds objects from another score on."""
        options = DetectionPredict(score=score)
        model, shape = predictor.keras_model, predictor.input_shape
        return self.predictor(model, predictor.spec, shape, options, predictor.path)

    def read_outputs(
        self,
        outputs: Mapping[str, np.ndarray],
        images: Sequence[np.ndarray],
        frames: Sequence[Frame],
        spec: ModelSpec,
        options: DetectionPredict,
    ) -> list[Result]:
        """Returns the objects in each image, the best first."""
        results: list[Result] = []
        for image, detections in zip(images, detections_of(outputs, frames), strict=True):
            kept = detections["scores"] >= options.score
            boxes, scores, labels = (
                detections[key][kept] for key in ("boxes", "scores", "classes")
            )
            results.append(Detections(image, boxes, scores, labels, spec.class_names))
        return results

    def recognizes(self, model: keras.Model | TFLiteModel) -> bool:
        """Whether a model carries box codes, or a file returns boxes."""
        if isinstance(model, keras.Model):
            return any(isinstance(layer, BoxCodes) for layer in model.layers)
        return any(x.name == "boxes" and len(x.shape) == 3 for x in model.outputs)

    def why_unreadable(self, file: TFLiteModel) -> str | None:
        """Returns what is wrong with a file without suppression; None for others."""
        if {output.name for output in file.outputs} == set(OUTPUTS):
            return None
        return (
            "leaves it to MediaPipe to make boxes of what it gives. Export it with --nms tflite_op "
            "or builtin."
        )

    def runnable(
        self, model: keras.Model, spec: ModelSpec, options: DetectionPredict
    ) -> keras.Model:
        """Returns the network with decoding and suppression behind it."""
        return self._detector(model, spec, options.score).model

    def exportable(
        self, model: keras.Model, spec: ModelSpec, options: DetectionExport
    ) -> tuple[Detector, dict[str, Any]]:
        """Returns the detector, and the form of its suppression."""
        return self._detector(model, spec, options.score), {"nms": NMS[options.nms]}

    def first_batch(self, args: DetectionArgs, data: DetectionData) -> list[Result]:
        """Returns the first images that are learned from, with their boxes."""
        images, boxes = next(data.epochs.since(0).take(1).as_numpy_iterator())
        shown: list[Result] = []
        for image, sides, labels in zip(images[:9], boxes["boxes"], boxes["labels"], strict=False):
            real = labels >= 0
            shown.append(true_boxes(image, sides[real], labels[real], data.class_names))
        return shown

    def _detector(self, model: keras.Model, spec: ModelSpec, score: float) -> Detector:
        return Detector(
            model,
            spec.class_names,
            score_threshold=score,
            resize=spec.resize,
            input_range=spec.input_range,
        )


@dataclass(frozen=True)
class _First:
    """The first of some annotated images."""

    boxes: Boxes
    limit: int

    def __len__(self) -> int:
        return min(len(self.boxes), self.limit)

    def samples(self) -> Iterator[tuple[np.ndarray, Truth]]:
        return itertools.islice(self.boxes.samples(), self.limit)


def _sure(result: Detections) -> Detections:
    kept = result.scores >= _SHOWN_SCORE
    columns = (result.boxes[kept], result.scores[kept], result.labels[kept])
    return Detections(result.image, *columns, result.class_names)


def _lowest(predictor: Predictor) -> float:
    """Returns the score below which boxes are left out when a model is measured."""
    if predictor.keras_model is not None or predictor.path is None:
        return LOWEST_SCORE
    return max(LOWEST_SCORE, lowest_score(predictor.path))


def _check_count(predictor: Predictor, source: str, class_names: tuple[str, ...]) -> None:
    """Raises ValueError unless the classes of the data can be those of a detector without names."""
    if predictor.keras_model is None:
        raise ValueError(
            f"The classes of {predictor.path}, and so their order, are not known. Export it again "
            "with the args.yaml of its run beside the model."
        )
    classes = detection_spec(predictor.keras_model).classes
    if classes != len(class_names):
        raise ValueError(
            f"{predictor.path} finds {classes} classes, whose names are not known. {source} "
            f"has {len(class_names)}: {list(class_names)}. Put the args.yaml of its run beside it."
        )


TASK = DetectionTask()
