"""`keras-cv-course inspect`: what is inside a .tflite file."""

from typing import Annotated

import typer

from keras_cv_course.cli.output import Json, emit


def command(
    file: Annotated[str, typer.Argument(help="Any .tflite file.")],
    as_json: Json = False,
) -> None:
    """Show what is inside a .tflite file."""
    from keras_cv_course.tflite import inspect
    from keras_cv_course.tflite.quiet import quiet

    with quiet():  # LiteRT logs its delegate.
        report = inspect(file)
    emit(report, as_json)
