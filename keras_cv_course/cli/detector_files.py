"""Opens what is a detector among the files that commands are given, and runs it."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course.cli.boxes_data import Boxes, open_boxes
from keras_cv_course.cli.sources import Classifier
from keras_cv_course.data.photographs import read_photograph
from keras_cv_course.detectors.detector import Detector, detection_rows
from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.detection_postprocess import OUTPUTS
from keras_cv_course.metrics.detection_callback import detection_metrics
from keras_cv_course.metrics.detections import Truth
from keras_cv_course.predictors.drawing import draw_detections, png
from keras_cv_course.tflite import TFLiteDetector
from keras_cv_course.tflite.quiet import quiet
from keras_cv_course.training.atomic import replacing

_SCENE_SHAPE = (320, 320, 3)  # of drawn scenes, where nothing tells another


@dataclass(frozen=True)
class DetectorFile:
    """A detector, and what its run folder tells about it.

    Attributes:
        path: The file.
        predict: Takes pictures and returns what `Detector.predict` does.
        keras_detector: Of a .keras file, else None.
        class_names: Names by class; None where nothing tells.
        lowest_score: Boxes with lower scores are left out.
        args: The `args.yaml` beside the file, empty where there is none.
    """

    path: Path
    predict: Callable[[Sequence[np.ndarray]], list[dict[str, np.ndarray]]]
    keras_detector: Detector | None
    class_names: tuple[str, ...] | None
    lowest_score: float
    args: dict[str, Any]


def as_detector(model: Classifier, score: float) -> DetectorFile | None:
    """Returns the detector in a file, and None if it holds something else.

    Args:
        model: The file.
        score: Boxes with a lower score are left out; a .tflite has a threshold of its own besides.

    Raises:
        ValueError: If nothing tells which values it takes, or a .tflite has no suppression inside.
    """
    if model.keras_model is None:
        if "boxes" not in model.outputs:
            return None
        if set(model.outputs) != set(OUTPUTS):
            raise ValueError(
                f"{model.path} leaves it to MediaPipe to make boxes of what it gives. Export it "
                "with --nms tflite_op or builtin."
            )
        return _in_tflite(model, score)
    return in_keras(model, score) if is_detector(model.keras_model) else None


def in_keras(model: Classifier, score: float) -> DetectorFile:
    """Returns the detector in a .keras file, which must hold one; see `as_detector`."""
    detector = Detector(
        model.keras_model, model.class_names, score_threshold=score, input_range=model.input_range
    )
    names = detector.class_names
    return DetectorFile(model.path, detector.predict, detector, names, score, model.args)


def _in_tflite(model: Classifier, score: float) -> DetectorFile:
    with quiet():  # LiteRT tells of its delegate.
        detector = TFLiteDetector(model.path, input_range=model.input_range, validate=False)

    def predict(images: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        found = detector.predict(images)
        sure = [boxes["scores"] >= score for boxes in found]
        return [
            {key: column[keep] for key, column in boxes.items()}
            for boxes, keep in zip(found, sure, strict=True)
        ]

    lowest = max(score, detector.lowest_score)
    return DetectorFile(model.path, predict, None, model.class_names, lowest, model.args)


def is_detector(model: keras.Model | None) -> bool:
    """Whether a model gives a detector's raw outputs."""
    return model is not None and any(isinstance(x, BoxCodes) for x in model.layers)


def boxes_for(detector: DetectorFile, data: str | None, split: str | None) -> tuple[Boxes, str]:
    """Returns the pictures that a detector is measured on, and the name of their split.

    Args:
        detector: The detector.
        data: As `open_boxes` takes it; None is what the detector was trained on.
        split: Its split; None is "val".

    Raises:
        FileNotFoundError: If there is no such data.
        ValueError: If nothing tells what the detector was trained on or what its classes are, or
            there is no such split.
    """
    source = data or detector.args.get("data")
    if source is None:
        raise ValueError(
            f"Say which pictures with --data: there is no args.yaml beside {detector.path} that "
            "does."
        )
    chosen = split or "val"
    size = detector.args.get("input_shape", _SCENE_SHAPE)[:2]
    boxes = open_boxes(source, chosen, tuple(size), detector.class_names)
    if detector.class_names is None:
        _check_count(detector, source, tuple(boxes.class_names))
    return boxes, chosen


def _check_count(detector: DetectorFile, source: str, class_names: tuple[str, ...]) -> None:
    """Raises ValueError unless the classes of the data can be those of a detector without names."""
    if detector.keras_detector is None:
        raise ValueError(
            f"Nothing tells the classes of {detector.path}, and so their order. Put the args.yaml "
            "of its run beside it, or export it with that beside the model."
        )
    classes = detector.keras_detector.spec.classes
    if classes != len(class_names):
        raise ValueError(
            f"{detector.path} finds {classes} classes, and nothing tells their names. {source} "
            f"has {len(class_names)}: {list(class_names)}. Put the args.yaml of its run beside it."
        )


def measure_boxes(
    detector: DetectorFile, boxes: Boxes, limit: int | None = None
) -> dict[str, float]:
    """Returns the average precision of a detector, see `detection_metrics`.

    Args:
        detector: The detector.
        boxes: The pictures to measure on.
        limit: The most of them; None is all.
    """
    samples: Iterator[tuple[np.ndarray, Truth]] = itertools.islice(boxes.samples(), limit)
    return detection_metrics(detector.predict, samples, boxes.class_names)


def predict_boxes(
    detector: DetectorFile, images: Sequence[Path], out: Path | None
) -> list[dict[str, Any]]:
    """Returns what is found in picture files, a row each as JSON can hold it.

    Args:
        detector: The detector.
        images: Pictures.
        out: Folder for the pictures with their boxes and `detections.json`; None writes nothing.

    Raises:
        FileNotFoundError: If there is no such picture.
        ValueError: If a picture cannot be decoded, or two would be written to one file.
    """
    twice = [name for name, count in Counter(path.stem for path in images).items() if count > 1]
    if out is not None and twice:
        raise ValueError(
            f"Pictures must have names of their own to be written to {out}. Received {twice[0]!r} "
            "more than once: give another --out for each folder."
        )
    rows: list[dict[str, Any]] = []
    for path in images:
        picture = read_photograph(path)
        (found,) = detector.predict([picture])
        rows.append({"image": str(path), "boxes": detection_rows(found, detector.class_names)})
        if out is not None:
            with replacing(out / f"{path.stem}_boxes.png") as temporary:
                temporary.write_bytes(png(draw_detections(picture, found, detector.class_names)))
    if out is not None:
        with replacing(out / "detections.json") as temporary:
            temporary.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return rows
