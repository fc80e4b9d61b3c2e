"""`keras-cv-course predict`: what a model says of images."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_cv_course._atomic import replacing
from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import any_of, chosen, with_options
from keras_cv_course.cli.options import InputRange, TaskName, given_spec
from keras_cv_course.cli.output import Json, emit_json, emit_table, progress
from keras_cv_course.tasks import TASKS
from keras_cv_course.tasks.model_file import model_file

if TYPE_CHECKING:
    from keras_cv_course.predictors.results import Result


def make_command() -> Any:
    """Returns the command, with the options of all tasks that are registered."""
    kinds = {name: row.arguments("Predict") for name, row in TASKS.items()}

    @with_options(any_of("PredictFlags", kinds))
    def command(
        model: Annotated[str, typer.Argument(help="A .keras or .tflite file, or a run folder.")],
        images: Annotated[list[Path], typer.Argument(help="Images, or folders of them.")],
        args: Any,
        out: Annotated[
            Path | None,
            typer.Option(file_okay=False, help="Folder for images with results, and a JSON file."),
        ] = None,
        task: TaskName = None,
        input_range: InputRange = None,
        as_json: Json = False,
    ) -> None:
        """Predict on images; exit code 1 if one cannot be read."""
        file = model_file(model)
        for path in images:
            if not path.expanduser().exists():
                raise FileNotFoundError(f"There is no image {path}.")
        engine.start()
        from keras_cv_course.data.image_sources import files_below
        from keras_cv_course.tasks.opening import open_model

        opened = open_model(file, given_spec(task, input_range))
        values = chosen(args, opened.task.Predict, f"{file}, of the task {opened.task.name},")
        predictor = opened.predictor(opened.task.Predict(**values))
        paths = list(files_below(images))
        if out is not None:
            _check_names(paths, out)
        results: dict[Path, Result] = {}
        failed: dict[Path, Exception] = {}
        for path, result in progress(predictor.each(paths), "predicting", len(paths), as_json):
            if isinstance(result, Exception):
                failed[path] = result
                typer.echo(f"error: {' '.join(str(result).split())}", err=True)
            else:
                results[path] = result
        if out is not None and results:
            _write(results, out)
        _show(str(file), results, as_json)
        if failed:
            raise typer.Exit(1)

    return command


def _show(model: str, results: "dict[Path, Result]", as_json: bool) -> None:
    if as_json:
        emit_json(_listed(results))
        return
    if results:
        columns = ("image", *next(iter(results.values())).COLUMNS)
        cells = [(str(path), *row) for path, result in results.items() for row in result.rows()]
        emit_table(model, columns, cells, texts=2)


def _listed(results: "dict[Path, Result]") -> list[dict[str, Any]]:
    return [{"image": str(path), **result.to_dict()} for path, result in results.items()]


def _check_names(paths: list[Path], out: Path) -> None:
    twice = [name for name, count in Counter(path.stem for path in paths).items() if count > 1]
    if twice:
        raise ValueError(
            f"Images must have names of their own to be written to {out}. Received {twice[0]!r} "
            "more than once: give another --out for each folder."
        )


def _write(results: "dict[Path, Result]", out: Path) -> None:
    """Writes the images with what was found drawn on them, and a list of it."""
    for path, result in results.items():
        for ending, image in result.images().items():
            with replacing(out / f"{path.stem}_{ending}.png") as temporary:
                image.save(temporary, "PNG")
    listing = next(iter(results.values())).LISTING
    with replacing(out / listing) as temporary:
        text = json.dumps(_listed(results), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", "utf-8")
