"""`keras-cv-course evaluate`: what a model is worth on labelled pictures."""

from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.options import Data, InputRange, Split
from keras_cv_course.cli.output import Json, emit_json, emit_table, progress

if TYPE_CHECKING:
    from keras_cv_course.cli.detector_files import DetectorFile

# Average precision takes boxes of all scores; those below cost time and change nothing.
LOWEST_SCORE = 0.01


def command(
    model: Annotated[str, typer.Argument(help="A .keras or .tflite file.")],
    data: Data = None,
    split: Split = None,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Measure the accuracy of a classifier, or the average precision of a detector."""
    engine.start()
    from keras_cv_course.cli.detector_files import as_detector
    from keras_cv_course.cli.sources import open_classifier, open_split
    from keras_cv_course.training import evaluate_classifier

    classifier = open_classifier(model, input_range)
    detector = as_detector(classifier, LOWEST_SCORE)
    if detector is not None:
        _evaluate_boxes(detector, data, split, as_json)
        return
    pictures, class_names, chosen = open_split(classifier, data, split)
    total = int(pictures.cardinality())
    batches = progress(pictures.as_numpy_iterator(), "evaluating", total, as_json)
    report = evaluate_classifier(classifier.predict, batches, class_names)
    if as_json:
        emit_json({"model": model, "split": chosen, **report.to_dict()})
        return
    rows = [
        (name, f"{precision:.2%}", f"{recall:.2%}", str(pictures))
        for name, precision, recall, pictures in zip(
            class_names, report.precision, report.recall, report.support, strict=True
        )
    ]
    title = f"{model}: accuracy {report.accuracy:.2%} ({chosen}, {sum(report.support)} pictures)"
    emit_table(title, ("class", "precision", "recall", "pictures"), rows)


def _evaluate_boxes(
    detector: "DetectorFile", data: str | None, split: str | None, as_json: bool
) -> None:
    from keras_cv_course.cli.detector_files import boxes_for, measure_boxes

    boxes, chosen = boxes_for(detector, data, split)
    reached = measure_boxes(detector, boxes)
    if as_json:
        numbers = {name: None if isnan(value) else value for name, value in reached.items()}
        facts = {"split": chosen, "lowest_score": detector.lowest_score}
        emit_json({"model": str(detector.path), **facts, **numbers})
        return
    rows = [(name, f"{value:.3f}") for name, value in reached.items()]
    emit_table(f"{detector.path} ({chosen}{from_score(detector)})", ("", "value"), rows)


def from_score(detector: "DetectorFile") -> str:
    """Returns what to say where the boxes of a file are not all that the network finds."""
    lowest = detector.lowest_score
    return f", boxes with scores from {lowest:.3g} on" if lowest > LOWEST_SCORE else ""
