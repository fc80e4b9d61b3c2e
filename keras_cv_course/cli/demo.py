"""`keras-cv-course demo`: from handwritten digits to an int8 file that is proven right."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.output import Json, emit_json, emit_table, fit_verbosity
from keras_cv_course.cli.train_args import TrainArgs

if TYPE_CHECKING:
    from keras_cv_course.cli.sources import Classifier

_ARGS = TrainArgs(data="digits", model="mobilenet_v2", imgsz=48, alpha=0.35)
_DIGITS, _DETECT = "digits", "detect"
_QUANTIZE = ("none", "int8")
_COLUMNS = ("file", "bytes", "ms", "accuracy", "same decision as Keras")


def command(
    what: Annotated[
        str, typer.Argument(help="digits: a classifier; detect: boxes around drawn shapes.")
    ] = _DIGITS,
    project: Annotated[str, typer.Option(help="Folder of the run folders.")] = "runs",
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Overwrite the run.")] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the pictures; 20, of drawn shapes 6.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Decides weights and order.")
    ] = _ARGS.recipe.seed,
    as_json: Json = False,
) -> None:
    """Train on handwritten digits or drawn shapes, export, compare, measure: minutes."""
    check_choice("what", what, (_DIGITS, _DETECT))
    engine.start()
    if what == _DETECT:
        from keras_cv_course.cli.demo_detect import run_demo

        run_demo(project, name, exist_ok, epochs, seed, as_json)
        return
    from keras_cv_course.cli.sources import open_classifier
    from keras_cv_course.cli.training_run import start_run

    recipe = dataclasses.replace(_ARGS.recipe, epochs=epochs or _ARGS.recipe.epochs, seed=seed)
    args = dataclasses.replace(_ARGS, recipe=recipe)
    run, report = start_run(args, project, name, exist_ok, fit_verbosity(as_json))
    exported = _export(open_classifier(str(run.model), keras_only=True))
    report = {**report, "exported": exported}
    run.finish(report)
    if as_json:
        emit_json({"run": str(run.path), **report})
        return
    keras_row = (
        "model.keras",
        f"{run.model.stat().st_size:,}",
        "",
        f"{report['accuracy']:.2%}",
        "",
    )
    rows = [
        (
            row["file"],
            f"{row['bytes']:,}",
            f"{row['median_ms']:.3f}",
            f"{row['accuracy']:.2%}",
            f"{row['agreement']:.2%}",
        )
        for row in exported
    ]
    title = f"{run.path}: {report['pictures']} pictures that were held out"
    emit_table(title, _COLUMNS, [keras_row, *rows])


def _export(model: "Classifier") -> list[dict[str, Any]]:
    """Returns a row for each file that was exported beside the model, compared and measured."""
    from keras_cv_course.cli.export import calibration_pictures, file_name
    from keras_cv_course.cli.sources import open_split
    from keras_cv_course.tflite import benchmark, compare, convert
    from keras_cv_course.tflite.quiet import quiet

    held_out, names, _ = open_split(model, None, "test")
    rows: list[dict[str, Any]] = []
    for quantize in _QUANTIZE:
        path = model.path.with_name(file_name(model.path.stem, quantize, None))
        pictures = None if quantize == "none" else calibration_pictures(model, None, 100)
        convert(model.keras_model, path, quantize, calibration_data=pictures, class_names=names)
        with quiet():  # LiteRT tells of its delegate.
            parity = compare(model.keras_model, path, held_out)
        rows.append(
            {"file": path.name, "accuracy": parity.metric_tflite, "agreement": parity.agreement}
        )
    paths = [model.path.with_name(row["file"]) for row in rows]
    with quiet():
        timings = benchmark(paths).files
    for row, timing in zip(rows, timings, strict=True):
        row.update(bytes=timing.bytes, median_ms=timing.median_ms)
    return rows
