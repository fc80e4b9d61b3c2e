"""What commands print: a table for people, or JSON for programs and nothing else."""

import contextlib
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

import typer

from keras_cv_course._validation import printable

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]

_Item = TypeVar("_Item")

# Where the output is not a terminal, whose width would be known.
_WIDTH = 120


class PlainFormatter(logging.Formatter):
    """Formats what is logged without control characters, which names may hold."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line that is shown."""
        return printable(super().format(record))


def emit(report: Any, as_json: bool) -> None:
    """Prints a report: `str(report)`, or `report.to_dict()` as JSON."""
    if as_json:
        emit_json(report.to_dict())
    else:
        typer.echo(printable(str(report)))


def emit_json(content: Any) -> None:
    """Prints what JSON can hold."""
    typer.echo(printable(json.dumps(content, indent=2, ensure_ascii=False)))


def emit_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1
) -> None:
    """Prints a line and a table; the first `texts` columns are text, the others are numbers."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < texts else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    console.print(printable(title), markup=False, soft_wrap=True)
    console.print(table)


def progress(
    items: Iterable[_Item], title: str, total: int | None, as_json: bool
) -> Iterable[_Item]:
    """Returns `items`, with a bar on standard error while they are taken, if that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    silent = as_json or not console.is_terminal
    return track(items, title, total=total, console=console, disable=silent, transient=True)


@contextlib.contextmanager
def progress_shown(as_json: bool) -> Iterator[None]:
    """Shows what the runner logs of its progress, on standard output and not with JSON."""
    if as_json:
        yield
        return
    logger = logging.getLogger("keras_cv_course.tasks.running")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(PlainFormatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def fit_verbosity(as_json: bool) -> int:
    """Returns Keras' `verbose`: a bar on a terminal, a line an epoch elsewhere, none with JSON."""
    if as_json:
        return 0
    return 1 if sys.stdout.isatty() else 2
