"""`keras-cv-course compare`: how far a .tflite file is from its Keras model."""

from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.options import Data, InputRange, Split
from keras_cv_course.cli.output import Json, emit


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
    from keras_cv_course.cli.sources import open_classifier, open_split
    from keras_cv_course.tflite import compare
    from keras_cv_course.tflite.quiet import quiet

    classifier = open_classifier(reference, input_range, keras_only=True)
    pictures, _, _ = open_split(classifier, data, split)
    some = pictures.unbatch().take(limit).batch(32)
    with quiet():  # LiteRT tells of its delegate.
        report = compare(classifier.keras_model, file, some)
    emit(report, as_json)
