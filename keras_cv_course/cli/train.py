"""`keras-cv-course train`: from images to a run folder."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import (
    any_of,
    as_typed,
    chosen,
    given,
    with_options,
)
from keras_cv_course.cli.output import (
    Json,
    emit_json,
    emit_table,
    fit_verbosity,
    progress_shown,
)
from keras_cv_course.tasks import TASKS
from keras_cv_course.tasks.args import RunArgs, option
from keras_cv_course.training.recipe import Recipe, load_recipe
from keras_cv_course.training.run_folder import interrupted_run

# What may be passed together with --resume.
_WITH_RESUME = {"resume", "task", "project", "name", "as_json"}
# What `--no-augment` takes out of a recipe.
_PLAIN: dict[str, Any] = {
    field.name: field.default
    for field in dataclasses.fields(Recipe)
    if field.name
    in {
        *("flip", "shift", "turn", "zoom", "colour", "mosaic"),
        *("rand_augment", "erase", "mixup", "cutmix"),
    }
}


@dataclass(frozen=True)
class RecipeFlags:
    """Options that change a recipe; those left out are the recipe's."""

    recipe: str | None = option(None, "YAML file of a recipe, or the args.yaml of a run.")
    epochs: int | None = option(None, "Passes over the images.")
    lr0: float | None = option(None, "Highest learning rate.")
    optimizer: str | None = option(None, "adam, adamw, sgd or rmsprop.")
    cos_lr: bool | None = option(None, "Lower the rate along half a cosine, or keep it constant.")
    warmup_epochs: float | None = option(None, "Epochs over which the rate rises from 0.")
    patience: int | None = option(None, "Epochs without improvement after which to stop.")
    seed: int | None = option(None, "Seed of weights, split, order and augmentation.")
    augment: bool | None = option(None, "Augment images as the recipe says, or not at all.")

    def changed(self, recipe: Recipe) -> Recipe:
        """Returns a recipe with what was passed in its place.

        Raises:
            ValueError: If a value is out of its range, or does not go with the recipe's.
        """
        passed: dict[str, Any] = {
            "epochs": self.epochs,
            "learning_rate": self.lr0,
            "optimizer": self.optimizer,
            "schedule": None if self.cos_lr is None else ("constant", "cosine")[self.cos_lr],
            "warmup_epochs": self.warmup_epochs,
            "patience": self.patience,
            "seed": self.seed,
        }
        changes = {name: value for name, value in passed.items() if value is not None}
        if self.augment is False:
            changes |= _PLAIN
        if self.warmup_epochs is None and self.epochs is not None:
            changes["warmup_epochs"] = min(recipe.warmup_epochs, self.epochs)
        return dataclasses.replace(recipe, **changes)


def make_command() -> Any:
    """Returns the command, with the options of all tasks that are registered."""
    kinds = {name: row.arguments("Args") for name, row in TASKS.items()}
    flags = any_of("TrainFlags", {**kinds, "recipe": RecipeFlags})
    names = ", ".join(f"{name}: {row.summary}" for name, row in TASKS.items())

    @with_options(flags)
    def command(
        context: typer.Context,
        args: Any,
        project: Annotated[str, typer.Option(help="Folder of the run folders.")] = "runs",
        name: Annotated[
            str | None, typer.Option(help="Name of the run; by default train, train2, ….")
        ] = None,
        exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Overwrite the run.")] = False,
        task: Annotated[str, typer.Option(help=f"{names}.")] = next(iter(TASKS)),
        find_lr: Annotated[
            bool,
            typer.Option(
                "--find-lr", help="Run a range test, plot it, and train with the best rate."
            ),
        ] = False,
        resume: Annotated[
            bool, typer.Option("--resume", help="Continue the run `name`, or the last one.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Train a network."""
        check_choice("task", task, TASKS)
        options, verbose = given(context), fit_verbosity(as_json)
        if resume:
            _refuse_changes(options)
            run = interrupted_run(project, name)
            _check_task(run, task if "task" in options else None)
            engine.start()
            from keras_cv_course.tasks.running import continue_run

            with _way_on(project), progress_shown(as_json):
                report = continue_run(run, verbose)
        else:
            arguments = run_arguments(task, args)
            if find_lr and args.lr0 is not None:
                raise ValueError(
                    "--find-lr looks for the rate that --lr0 gives: leave out one of them."
                )
            engine.start()
            from keras_cv_course.tasks.running import start_run

            loaded = TASKS[task].load()
            with _way_on(project), progress_shown(as_json):
                run, report = start_run(
                    loaded, arguments, project, name, exist_ok, verbose, find_lr
                )
        if as_json:
            emit_json({"run": str(run.path), **report})
        else:
            emit_table(f"{run.path}", ("", "value"), _rows(report))

    return command


@contextlib.contextmanager
def _way_on(project: str) -> Iterator[None]:
    """Prints after Ctrl-C how to continue the run."""
    try:
        yield
    except KeyboardInterrupt:
        known = "" if project == "runs" else f" --project {project}"
        typer.echo(f"Interrupted. Continue with: keras-cv-course train --resume{known}", err=True)
        raise


def run_arguments(task: str, flags: Any) -> RunArgs:
    """Returns the arguments of a run, from what was passed.

    Args:
        task: Name of the task.
        flags: Options of the command, None where they were left out.

    Raises:
        ValueError: If an option has no meaning for the task, or a value is out of its range.
        FileNotFoundError: If there is no such data.
    """
    kind = TASKS[task].arguments("Args")
    of_recipe = [field.name for field in dataclasses.fields(RecipeFlags)]
    values = chosen(flags, kind, f"--task {task}", of_recipe)
    values.pop("recipe", None)
    recipe_flags = RecipeFlags(**{name: getattr(flags, name) for name in of_recipe})
    data = values.get("data", kind.data)
    recipe = kind.default_recipe(data, values.get("weights"))
    if recipe_flags.recipe is not None:
        recipe = load_recipe(recipe_flags.recipe)
    try:
        arguments: RunArgs = kind(**values, recipe=recipe_flags.changed(recipe))
    except ValueError as error:
        raise ValueError(f"{error}{_other_task(task, values.get('model'))}") from error
    arguments.check_source()
    return arguments


def _other_task(task: str, model: str | None) -> str:
    """Returns which task trains a network, where it is another one."""
    for name, row in TASKS.items():
        kind = row.arguments("Args")
        if name != task and model is not None and model in kind.NETWORKS:
            return f" It is trained with --task {name}."
    return ""


def _check_task(run: Any, passed: str | None) -> None:
    task = run.load_args().get("task", next(iter(TASKS)))
    if passed not in (None, task):
        raise ValueError(f"{run.path} was started with --task {task}. Received: --task {passed}.")


def _refuse_changes(options: set[str]) -> None:
    changed = sorted(options - _WITH_RESUME)
    if changed:
        raise ValueError(
            f"A run continues with its own options: leave out {as_typed(changed)}, or start a new "
            "one without --resume."
        )


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    qat = report.get("qat", {})
    return _flat(report) + [(f"{name} with int8 rounding", value) for name, value in _flat(qat)]


def _flat(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), _shown(value))
        for name, value in report.items()
        if isinstance(value, str | int | float)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
