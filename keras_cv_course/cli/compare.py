"""`keras-cv-course compare`: how far a .tflite file is from its Keras model."""

import dataclasses
from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.options import Data, InputRange, Split, TaskName, given_spec, source_of
from keras_cv_course.cli.output import Json, emit, progress
from keras_cv_course.tasks.model_file import model_file


def command(
    reference: Annotated[str, typer.Argument(help="The .keras file.")],
    file: Annotated[str, typer.Argument(help="The .tflite file made from it.")],
    data: Data = None,
    split: Split = None,
    limit: Annotated[int, typer.Option(min=1, help="Images to compare on, at most.")] = 1000,
    task: TaskName = None,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Compare a .tflite file with its Keras model, in the metrics of their task."""
    paths = model_file(reference, keras_only=True), model_file(file)
    engine.start()
    from keras_cv_course.tasks.opening import open_model
    from keras_cv_course.tflite.quiet import quiet

    opened = open_model(paths[0], given_spec(task, input_range), keras_only=True)
    made = open_model(paths[1], dataclasses.replace(opened.spec, outputs=()))
    options = opened.task.measuring()
    before, after = (one.predictor(options) for one in (opened, made))
    samples = opened.task.samples(before, opened.args, source_of(opened, data), split)
    with quiet():  # LiteRT reports its delegate.
        report = opened.task.compare(
            before,
            after,
            samples,
            limit,
            lambda items, total: progress(items, "comparing", total, as_json),
        )
    emit(report, as_json)
