"""`keras-cv-course compare`: how far a .tflite file is from its Keras model."""

from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.options import Data, InputRange, Split
from keras_cv_course.cli.output import Json, emit, emit_json, emit_table

if TYPE_CHECKING:
    from keras_cv_course.cli.detector_files import DetectorFile


def command(
    reference: Annotated[str, typer.Argument(help="The .keras file.")],
    file: Annotated[str, typer.Argument(help="The .tflite file made from it.")],
    data: Data = None,
    split: Split = None,
    limit: Annotated[int, typer.Option(min=1, help="Pictures to compare on, at most.")] = 1000,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Compare a .tflite file with its Keras model."""
    engine.start()
    from keras_cv_course.cli.detector_files import as_detector, in_keras, is_detector
    from keras_cv_course.cli.evaluate import LOWEST_SCORE
    from keras_cv_course.cli.sources import open_classifier, open_split
    from keras_cv_course.tflite import compare
    from keras_cv_course.tflite.quiet import quiet

    classifier = open_classifier(reference, input_range, keras_only=True)
    if is_detector(classifier.keras_model):
        made = as_detector(open_classifier(file, classifier.input_range), LOWEST_SCORE)
        if made is None:
            raise ValueError(f"{file} must find boxes, to be compared with {reference}.")
        # Of the scores that the file gives: what it leaves out is no difference in what it finds.
        detector = in_keras(classifier, made.lowest_score)
        _compare_boxes(detector, made, data, split, limit, as_json)
        return
    pictures, _, _ = open_split(classifier, data, split)
    some = pictures.unbatch().take(limit).batch(32)
    with quiet():  # LiteRT tells of its delegate.
        report = compare(classifier.keras_model, file, some)
    emit(report, as_json)


def _compare_boxes(
    reference: "DetectorFile",
    made: "DetectorFile",
    data: str | None,
    split: str | None,
    limit: int,
    as_json: bool,
) -> None:
    from keras_cv_course.cli.detector_files import boxes_for, measure_boxes
    from keras_cv_course.cli.evaluate import from_score

    boxes, chosen = boxes_for(reference, data, split)
    ours, theirs = (measure_boxes(file, boxes, limit) for file in (reference, made))
    if as_json:
        rows = [
            {"file": str(file.path), **{k: None if isnan(v) else v for k, v in found.items()}}
            for file, found in ((reference, ours), (made, theirs))
        ]
        emit_json({"split": chosen, "lowest_score": made.lowest_score, "compared": rows})
        return
    cells = [
        (name, f"{ours[name]:.3f}", f"{theirs[name]:.3f}", f"{theirs[name] - ours[name]:+.3f}")
        for name in ours
    ]
    columns = ("", reference.path.name, made.path.name, "difference")
    emit_table(f"{made.path} ({chosen}{from_score(made)})", columns, cells)
