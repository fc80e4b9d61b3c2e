"""The command `keras-cv-course`, and how it ends: exit codes and errors in one line."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from keras_cv_course import __version__
from keras_cv_course._validation import printable
from keras_cv_course.cli import (
    benchmark,
    check,
    compare,
    demo,
    evaluate,
    export,
    faces,
    inspect,
    models,
    predict,
    shards,
    train,
)
from keras_cv_course.cli.output import PlainFormatter

_COMMANDS = (
    *(models, shards, train, evaluate, predict),
    *(export, check, compare, inspect, benchmark, demo),
)
# The base of all errors in what was typed; typer carries its own copy of click, or did not yet.
_USAGE_ERROR: type[Any] = typer.BadParameter.__bases__[0]
# What the package raises on purpose, with a message that says all.
_OURS = (ValueError, TypeError, OSError, ArithmeticError, ImportError)
_MOST_CHARACTERS = 500
_LONGEST_LINE = 4000


@dataclass
class _Settings:
    debug: bool = False


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def make_app() -> typer.Typer:
    """Returns the command line, with the options of all tasks that are registered by now."""
    app = typer.Typer(
        name="keras-cv-course",
        help="Vision networks, from training to a verified .tflite file.",
        pretty_exceptions_enable=False,
    )
    for module in _COMMANDS:
        make = getattr(module, "make_command", None)
        command = module.command if make is None else make()
        app.command(module.__name__.rpartition(".")[2])(command)
    app.add_typer(faces.app)
    app.callback(invoke_without_command=True)(_main)
    return app


def _main(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    context.obj.debug = debug
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and ends the process.

    The exit code is 0, 2 for a command line that is not understood, 130 after Ctrl-C, and 1 for
    every other error, which is reported in one line on standard error.

    Args:
        arguments: What follows the program's name. None takes it from the process.

    Raises:
        SystemExit: Always.
    """
    # Read when TensorFlow is imported, which is later, and only where a command needs it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    arguments = sys.argv[1:] if arguments is None else arguments
    settings = _Settings()
    try:
        with _warnings_shown():
            app = make_app()
            code = app(args=arguments, prog_name=app.info.name, standalone_mode=False, obj=settings)
    except _USAGE_ERROR as error:
        _report(error.format_message())
        code = error.exit_code
    except typer.Abort:
        _report("aborted")
        code = 1
    # Any other exception is an error of one line too: users should not have to read a traceback.
    except Exception as error:
        if settings.debug:
            raise
        _report(_in_one_line(error))
        code = 1
    raise SystemExit(code or 0)


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
    """Shows what the library warns of, a line each, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("warning: %(message)s"))
    logger = logging.getLogger("keras_cv_course")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _in_one_line(error: Exception) -> str:
    """Returns what went wrong; for unexpected errors their type and how to see the trace."""
    if isinstance(error, _OURS) and str(error):
        return str(error)
    kind, text = type(error).__name__, str(error)[:_MOST_CHARACTERS]
    return f"{kind}: {text} (`keras-cv-course --debug …` shows where it arose)"


def _report(message: str) -> None:
    line = printable(" ".join(message.split())[:_LONGEST_LINE])
    typer.echo(f"error: {line}", err=True)
