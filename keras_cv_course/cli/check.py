"""`keras-cv-course check`: whether a device takes a .tflite file."""

from typing import Annotated

import typer

from keras_cv_course.cli.output import Json, emit


def command(
    file: Annotated[str, typer.Argument(help="Any .tflite file.")],
    target: Annotated[
        str,
        typer.Option(help='"phone", "browser", "microcontroller", "accelerator" or "edge_tpu".'),
    ],
    as_json: Json = False,
) -> None:
    """Check whether a .tflite file runs on a device, and what to change; exit code 1 if not."""
    from keras_cv_course.tflite.target_check import check

    report = check(file, target)
    emit(report, as_json)
    if not report.ok:
        raise typer.Exit(1)
