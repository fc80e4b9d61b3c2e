"""Tasks by name: classifying, detecting and the rest, each an object in a module of its own.

Importing this package imports no network: a task's module is imported when it is needed, and its
arguments (`<module>_args`) alone where a command line is parsed.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_cv_course._validation import check_choice

if TYPE_CHECKING:
    from keras_cv_course.tasks.base import Task


@dataclass(frozen=True)
class TaskRow:
    """One row of the table of tasks.

    Attributes:
        name: What `--task` takes.
        summary: What the task does, in a few words.
        module: Module that holds it as `TASK`; its arguments are in `<module>_args`.
    """

    name: str
    summary: str
    module: str

    def load(self) -> "Task":
        """Returns the task."""
        task: Task = importlib.import_module(self.module).TASK
        return task

    def arguments(self, kind: str) -> type:
        """Returns the dataclass of its arguments: "Args", "Predict" or "Export"."""
        options: type = getattr(importlib.import_module(f"{self.module}_args"), kind)
        return options


@dataclass(frozen=True)
class _Registered:
    """A task registered from outside the package."""

    task: "Task"

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def summary(self) -> str:
        return self.task.summary

    def load(self) -> "Task":
        return self.task

    def arguments(self, kind: str) -> type:
        options: type = getattr(self.task, kind)
        return options


_ROWS = (
    TaskRow("classify", "name what an image shows", f"{__name__}.classification"),
    TaskRow("detect", "find objects in an image", f"{__name__}.detection"),
    TaskRow("segment", "name the class of each pixel", f"{__name__}.segmentation"),
    TaskRow("localize", "name and find the one object of an image", f"{__name__}.localization"),
    TaskRow("verify", "recognize people by their faces", f"{__name__}.verification"),
    TaskRow("multitask", "predict points, age, smile and more of a face", f"{__name__}.multitask"),
)
TASKS: dict[str, Any] = {row.name: row for row in _ROWS}


def register_task(task: "Task") -> None:
    """Makes a task of one's own known to the commands, the runner and `load`.

    Args:
        task: The task.

    Raises:
        ValueError: If there is another task of its name.

    Example:
        >>> register_task(CountTheDots())
        >>> run(["train", "--task", "count", "--data", "dots"])
    """
    known = TASKS.get(task.name)
    if known is not None and not (isinstance(known, _Registered) and known.task == task):
        raise ValueError(f"`task` must have a name of its own. Received: {task.name!r}.")
    TASKS[task.name] = _Registered(task)


def get_task(name: str) -> "Task":
    """Returns a task by name.

    Raises:
        ValueError: If there is none of that name; the nearest are suggested.
    """
    check_choice("task", name, TASKS)
    task: Task = TASKS[name].load()
    return task
