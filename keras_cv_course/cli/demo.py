"""`keras-cv-course demo`: from built-in data to verified files."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.output import Json, emit_json, emit_table, fit_verbosity
from keras_cv_course.tasks import TASKS
from keras_cv_course.training.recipe import Recipe

if TYPE_CHECKING:
    from keras_cv_course.tasks.opening import OpenedModel

_QUANTIZE = ("none", "int8")
_CALIBRATION = 100  # images


@dataclass(frozen=True)
class _Demo:
    """One demo: a task with arguments that reach something in minutes.

    Attributes:
        task: Name of the task.
        args: Arguments of its run, `recipe` aside.
        recipe: Fields of the recipe that replace the task's own.
        export: Options of the way to a file.
    """

    task: str
    args: dict[str, Any]
    recipe: dict[str, Any]
    export: dict[str, Any]


_DEMOS = {
    "digits": _Demo("classify", {"imgsz": 48, "alpha": 0.35}, {}, {}),
    "detect": _Demo(
        "detect",
        {
            # The smallest shapes are an eighth of the image: at 96 pixels, two of five have no
            # anchor.
            **{"imgsz": 128, "alpha": 0.35, "stride": 16, "extra_maps": 1},
            **{"smallest": 0.12, "largest": 0.4, "batch": 8},
        },
        {"epochs": 6, "learning_rate": 0.003},
        {"score": 0.05},
    ),
    "segment": _Demo(
        "segment",
        {"backbone": "none", "imgsz": 96, "filters": 12, "levels": 3, "batch": 16},
        {"epochs": 12, "learning_rate": 0.005},
        {},
    ),
}


def command(
    what: Annotated[
        str,
        typer.Argument(
            help="digits: a classifier; detect: boxes around drawn shapes; segment: their pixels."
        ),
    ] = "digits",
    project: Annotated[str, typer.Option(help="Folder of the run folders.")] = "runs",
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Overwrite the run.")] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Passes over the images; by default digits 20, detect 6, segment 12."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides weights and order.")] = 0,
    as_json: Json = False,
) -> None:
    """Train on handwritten digits or drawn shapes, export, compare, measure: minutes."""
    check_choice("what", what, _DEMOS)
    demo = _DEMOS[what]
    kind = TASKS[demo.task].arguments("Args")
    recipe: Recipe = dataclasses.replace(kind.default_recipe(kind.data), **demo.recipe, seed=seed)
    recipe = dataclasses.replace(recipe, epochs=epochs or recipe.epochs)
    args = kind(**demo.args, recipe=recipe)
    engine.start()
    from keras_cv_course.tasks.opening import open_model
    from keras_cv_course.tasks.running import start_run

    task = TASKS[demo.task].load()
    run, report = start_run(task, args, project, name, exist_ok, fit_verbosity(as_json))
    exported = _export(open_model(run.model), demo)
    report = {**report, "exported": exported}
    run.finish(report)
    if as_json:
        emit_json({"run": str(run.path), **report})
        return
    metrics = [key for key in exported[0] if key not in ("file", "bytes", "median_ms")]
    numbers = [f"{report[key]:.4f}" if key in report else "" for key in metrics]
    rows = [("model.keras", f"{run.model.stat().st_size:,}", "", *numbers)]
    for row in exported:
        numbers = [f"{row[key]:.4f}" for key in metrics]
        rows.append((row["file"], f"{row['bytes']:,}", f"{row['median_ms']:.3f}", *numbers))
    title = f"{run.path}: {report['images']} images that were held out"
    emit_table(title, ("file", "bytes", "ms", *metrics), rows)


def _export(opened: "OpenedModel", demo: _Demo) -> list[dict[str, Any]]:
    """Returns a row for each file that was exported beside the model, compared and measured."""
    from keras_cv_course.cli.export import calibration_images, file_name
    from keras_cv_course.tasks.opening import open_model
    from keras_cv_course.tflite import benchmark, convert
    from keras_cv_course.tflite.quiet import quiet

    task, options = opened.task, opened.task.measuring()
    reference = opened.predictor(options)
    samples = task.samples(reference, opened.args, opened.args["data"], None)
    convertible, how = task.exportable(opened.model, opened.spec, task.Export(**demo.export))
    rows: list[dict[str, Any]] = []
    for quantize in _QUANTIZE:
        path = opened.path.with_name(file_name(opened.path.stem, quantize, None))
        typical = None
        if quantize != "none":
            typical = calibration_images(opened, None, _CALIBRATION)
        convert(convertible, path, quantize, calibration_data=typical, **how)
        with quiet():  # LiteRT reports its delegate.
            file = open_model(path).predictor(options)
            metrics = task.evaluate(file, samples).metrics
            agreement = task.agreement(reference, file, samples)
        row = {"file": path.name, **{name: metrics[name] for name in task.metrics}}
        rows.append(row if agreement is None else {**row, "agreement": agreement})
    with quiet():
        timings = benchmark([opened.path.with_name(row["file"]) for row in rows]).files
    for row, timing in zip(rows, timings, strict=True):
        row.update(bytes=timing.bytes, median_ms=timing.median_ms)
    return rows
