"""`keras-cv-course train`: from pictures to a run folder."""

import dataclasses
from typing import Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.output import Json, emit_json, emit_table, fit_verbosity
from keras_cv_course.cli.train_args import DEFAULT_RECIPE, TrainFlags
from keras_cv_course.cli.train_options import given, with_options
from keras_cv_course.registry import list_models
from keras_cv_course.training.recipe import load_recipe

# What may be said together with --resume.
_WITH_RESUME = {"resume", "project", "name", "as_json"}
_CLASSIFY, _DETECT = "classify", "detect"
_CLASSIFIER = "classifier"


@with_options(TrainFlags)
def command(
    context: typer.Context,
    args: TrainFlags,
    project: Annotated[str, typer.Option(help="Folder of the run folders.")] = "runs",
    name: Annotated[str | None, typer.Option(help="Name of the run; train, train2, ….")] = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Overwrite the run.")] = False,
    task: Annotated[
        str, typer.Option(help="classify pictures, or detect objects in them.")
    ] = _CLASSIFY,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", help="Try rates first; train with the best, and plot them.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run `name`, or with the last one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a classifier or a detector."""
    check_choice("task", task, (_CLASSIFY, _DETECT))
    if task == _DETECT:
        _train_detector(args, given(context), project, name, exist_ok, as_json)
        return
    check_choice("model", args.model, list_models(_CLASSIFIER))
    if resume:
        _refuse_changes(given(context))
    if find_lr and args.lr0 is not None:
        raise ValueError("--find-lr looks for the rate that --lr0 gives: leave out one of them.")
    recipe = DEFAULT_RECIPE if args.recipe is None else load_recipe(args.recipe)
    arguments = args.arguments(recipe)
    engine.start()
    from keras_cv_course.cli.training_run import continue_run, start_run

    verbose = fit_verbosity(as_json)
    if resume:
        run, report = continue_run(project, name, verbose)
    else:
        run, report = start_run(arguments, project, name, exist_ok, verbose, find_lr)
    if as_json:
        emit_json({"run": str(run.path), **report})
    else:
        emit_table(f"{run.path}", ("", "value"), _rows(report))


def _train_detector(
    args: TrainFlags,
    options: set[str],
    project: str,
    name: str | None,
    exist_ok: bool,
    as_json: bool,
) -> None:
    """Trains a detector with what was said of its arguments, and its own defaults."""
    engine.start()
    from keras_cv_course.cli.detection_run import DetectionArgs, start_detection_run

    fields = {field.name for field in dataclasses.fields(DetectionArgs)}
    unknown = sorted(options - fields - {"task", "project", "name", "exist_ok", "as_json"})
    if unknown:
        listed = ", ".join(f"--{option.replace('_', '-')}" for option in unknown)
        raise ValueError(f"--task detect has no {listed}: leave it out.")
    said = {option: getattr(args, option) for option in options & fields}
    detection = DetectionArgs(**said)
    run, report = start_detection_run(detection, project, name, exist_ok, fit_verbosity(as_json))
    if as_json:
        emit_json({"run": str(run.path), **report})
        return
    rows = [
        ("model", report["model"]),
        ("parameters", f"{report['parameters']:,}"),
        ("best epoch", str(report["best_epoch"])),
        *((name, f"{report[name]:.3f}") for name in ("AP50", "AP")),
        *(
            (f"AP of {name}", "" if value is None else f"{value:.3f}")
            for name, value in report["classes"].items()
        ),
    ]
    emit_table(f"{run.path}", ("", "value"), rows)


def _refuse_changes(options: set[str]) -> None:
    changed = sorted(options - _WITH_RESUME)
    if changed:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
        raise ValueError(
            f"A run goes on as it began: leave out {listed}, or start a new one without --resume."
        )


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("model", report["model"]),
        ("parameters", f"{report['parameters']:,}"),
        ("best epoch", str(report["best_epoch"])),
        ("val accuracy", f"{report['val_accuracy']:.2%}"),
        (f"{report['split']} accuracy", f"{report['accuracy']:.2%} of {report['pictures']}"),
        *((("with int8 rounding", f"{report['qat']['accuracy']:.2%}"),) if "qat" in report else ()),
    ]
