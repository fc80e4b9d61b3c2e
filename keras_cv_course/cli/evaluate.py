"""`keras-cv-course evaluate`: what a model is worth on labelled pictures."""

from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.options import Data, InputRange, Split
from keras_cv_course.cli.output import Json, emit_json, emit_table, progress


def command(
    model: Annotated[str, typer.Argument(help="A .keras or .tflite file.")],
    data: Data = None,
    split: Split = None,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Measure the accuracy of a model."""
    engine.start()
    from keras_cv_course.cli.sources import open_classifier, open_split
    from keras_cv_course.training import evaluate_classifier

    classifier = open_classifier(model, input_range)
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
