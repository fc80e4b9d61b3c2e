"""Options that several commands have."""

from typing import Annotated, Any

import typer

from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tasks import TASKS

InputRange = Annotated[
    tuple[float, float] | None,
    typer.Option(help="Smallest and largest value that the model takes; by default from its file."),
]
Data = Annotated[
    str | None,
    typer.Option(help="Data, as for `train`; by default what the model was trained on."),
]
Split = Annotated[
    str | None, typer.Option(help='"train", "val" or "test"; by default the last that exists.')
]
TaskName = Annotated[
    str | None,
    typer.Option("--task", help=f"One of {', '.join(TASKS)}; by default from the file."),
]


def given_spec(task: str | None, input_range: tuple[float, float] | None) -> ModelSpec:
    """Returns what the command line says about a model."""
    return ModelSpec(task=task, input_range=input_range)


def source_of(opened: Any, data: str | None) -> str:
    """Returns the data that a model is measured on: what was passed, or what it was trained on.

    Args:
        opened: The `OpenedModel`.
        data: What was passed.

    Raises:
        ValueError: If there is neither.
    """
    source = data or opened.args.get("data")
    if source is None:
        raise ValueError(
            f"Pass the data with --data: there is no args.yaml beside {opened.path} that names it."
        )
    return str(source)
