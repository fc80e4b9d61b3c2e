"""`keras-cv-course evaluate`: how well a model does on labelled images."""

from typing import Annotated

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.options import Data, InputRange, Split, TaskName, given_spec, source_of
from keras_cv_course.cli.output import Json, emit_json, emit_table, progress
from keras_cv_course.tasks.model_file import model_file


def command(
    model: Annotated[str, typer.Argument(help="A .keras or .tflite file, or a run folder.")],
    data: Data = None,
    split: Split = None,
    task: TaskName = None,
    input_range: InputRange = None,
    as_json: Json = False,
) -> None:
    """Measure a model in the metrics of its task."""
    file = model_file(model)
    engine.start()
    from keras_cv_course.tasks.opening import open_model

    opened = open_model(file, given_spec(task, input_range))
    predictor = opened.predictor(opened.task.measuring())
    samples = opened.task.samples(predictor, opened.args, source_of(opened, data), split)
    report = opened.task.evaluate(
        predictor,
        samples,
        lambda items, total: progress(items, "evaluating", total, as_json),
    )
    if as_json:
        emit_json({"model": str(file), "split": samples.split, **report.to_dict()})
        return
    columns, *rows = report.rows()
    name, value = next(iter(report.metrics.items()))
    title = f"{file}: {name} {value:.4f} ({samples.split}, {report.images} images)"
    emit_table(title, columns, rows)
