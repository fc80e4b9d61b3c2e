"""Prints which images could not be used, and why."""

from collections.abc import Iterable
from pathlib import Path

import typer


def print_skipped(skipped: Iterable[tuple[Path, str]]) -> None:
    """Prints a line for each image on standard error."""
    for image, reason in skipped:
        typer.echo(f"skipped {image}: {reason}", err=True)
