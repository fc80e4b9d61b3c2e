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
    from keras_cv_course.cli.detector_files import as_detector
    from keras_cv_course.cli.evaluate import LOWEST_SCORE
    from keras_cv_course.cli.sources import open_classifier, open_split
    from keras_cv_course.tflite import compare
    from keras_cv_course.tflite.quiet import quiet

    classifier = open_classifier(reference, input_range, keras_only=True)
    detector = as_detector(classifier, LOWEST_SCORE)
    if detector is not None:
        made = as_detector(open_classifier(file, classifier.input_range), LOWEST_SCORE)
        if made is None:
            raise ValueError(f"{file} must find boxes, to be compared with {reference}.")
        _compare_boxes(detector, made, data or detector.args.get("data"), split, limit, as_json)
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
    from keras_cv_course.cli.detector_files import measure_boxes

    ours, chosen = measure_boxes(reference, data, split, limit)
    theirs, _ = measure_boxes(made, data, split, limit)
    if as_json:
        rows = [
            {"file": str(file.path), **{k: None if isnan(v) else v for k, v in found.items()}}
            for file, found in ((reference, ours), (made, theirs))
        ]
        emit_json({"split": chosen, "compared": rows})
        return
    cells = [
        (name, f"{ours[name]:.3f}", f"{theirs[name]:.3f}", f"{theirs[name] - ours[name]:+.3f}")
        for name in ours
    ]
    columns = ("", reference.path.name, made.path.name, "difference")
    emit_table(f"{made.path} ({chosen})", columns, cells)
