"""`keras-cv-course train`: from pictures to a run folder."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.detection_args import DetectionArgs
from keras_cv_course.cli.output import Json, emit_json, emit_table, fit_verbosity
from keras_cv_course.cli.train_args import DEFAULT_RECIPE, TrainFlags
from keras_cv_course.cli.train_options import given, with_options
from keras_cv_course.registry import list_models
from keras_cv_course.training.recipe import load_recipe
from keras_cv_course.training.run_folder import RunFolder, interrupted_run

# What may be said together with --resume.
_WITH_RESUME = {"resume", "task", "project", "name", "as_json"}
_CLASSIFY, _DETECT = "classify", "detect"
_CLASSIFIER = "classifier"
_OF_DETECTORS = {"stride", "extra_maps", "smallest", "largest"}
_AP = ("AP50", "AP")


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
    options, verbose = given(context), fit_verbosity(as_json)
    run: RunFolder
    if resume:
        _refuse_changes(options)
        run = interrupted_run(project, name)
        task = _task_of(run, task if "task" in options else None)
        report = _resume(run, task, verbose)
    elif task == _DETECT:
        run, report = _train_detector(args, options, project, name, exist_ok, verbose)
    else:
        _refuse(options & _OF_DETECTORS, _CLASSIFY)
        run, report = _train_classifier(args, find_lr, project, name, exist_ok, verbose)
    if as_json:
        emit_json({"run": str(run.path), **report})
    else:
        rows = _detector_rows(report) if task == _DETECT else _rows(report)
        emit_table(f"{run.path}", ("", "value"), rows)


def _train_classifier(
    args: TrainFlags,
    find_lr: bool,
    project: str,
    name: str | None,
    exist_ok: bool,
    verbose: int,
) -> tuple[RunFolder, dict[str, Any]]:
    check_choice("model", args.model, list_models(_CLASSIFIER))
    if find_lr and args.lr0 is not None:
        raise ValueError("--find-lr looks for the rate that --lr0 gives: leave out one of them.")
    recipe = DEFAULT_RECIPE if args.recipe is None else load_recipe(args.recipe)
    arguments = args.arguments(recipe)
    engine.start()
    from keras_cv_course.cli.training_run import start_run

    return start_run(arguments, project, name, exist_ok, verbose, find_lr)


def _train_detector(
    args: TrainFlags,
    options: set[str],
    project: str,
    name: str | None,
    exist_ok: bool,
    verbose: int,
) -> tuple[RunFolder, dict[str, Any]]:
    """Trains a detector with what was said of its arguments, and its own defaults."""
    fields = {field.name for field in dataclasses.fields(DetectionArgs)}
    _refuse(options - fields - {"task", "project", "name", "exist_ok", "as_json"}, _DETECT)
    arguments = DetectionArgs(**{option: getattr(args, option) for option in options & fields})
    engine.start()
    from keras_cv_course.cli.detection_run import start_detection_run

    return start_detection_run(arguments, project, name, exist_ok, verbose)


def _refuse(options: set[str], task: str) -> None:
    if options:
        raise ValueError(f"--task {task} has no {_as_typed(sorted(options))}: leave it out.")


def _task_of(run: RunFolder, said: str | None) -> str:
    """Returns what a run trains; `said` is what the command line says of it, if anything."""
    task = run.load_args().get("task", _CLASSIFY)
    if said not in (None, task):
        raise ValueError(f"{run.path} was begun with --task {task}. Received: --task {said}.")
    return str(task)


def _resume(run: RunFolder, task: str, verbose: int) -> dict[str, Any]:
    engine.start()
    if task == _DETECT:
        from keras_cv_course.cli.detection_run import continue_detection_run

        return continue_detection_run(run, verbose)
    from keras_cv_course.cli.training_run import continue_run

    return continue_run(run, verbose)


def _refuse_changes(options: set[str]) -> None:
    changed = sorted(options - _WITH_RESUME)
    if changed:
        raise ValueError(
            f"A run goes on as it began: leave out {_as_typed(changed)}, or start a new one "
            "without --resume."
        )


def _as_typed(options: Sequence[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in options)


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("model", report["model"]),
        ("parameters", f"{report['parameters']:,}"),
        ("best epoch", str(report["best_epoch"])),
        ("val accuracy", f"{report['val_accuracy']:.2%}"),
        (f"{report['split']} accuracy", f"{report['accuracy']:.2%} of {report['pictures']}"),
        *((("with int8 rounding", f"{report['qat']['accuracy']:.2%}"),) if "qat" in report else ()),
    ]


def _detector_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    qat = {f"{name} with int8 rounding": report["qat"][name] for name in _AP if "qat" in report}
    classes = {f"AP of {name}": value for name, value in report["classes"].items()}
    numbers = {name: report[name] for name in _AP} | qat | classes
    return [
        ("model", report["model"]),
        ("parameters", f"{report['parameters']:,}"),
        ("best epoch", str(report["best_epoch"])),
        *((name, "" if value is None else f"{value:.3f}") for name, value in numbers.items()),
    ]
