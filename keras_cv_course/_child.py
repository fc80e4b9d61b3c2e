"""How a child process of this package is started."""

import os
import sys
from pathlib import Path


def child_command(module: str, *arguments: str) -> list[str]:
    """Returns the command line that runs a module of this package with this Python."""
    # -P: a file of the working folder must not stand in for a standard module.
    return [sys.executable, "-P", "-m", f"keras_cv_course.{module}", *arguments]


def child_environment() -> dict[str, str]:
    """Returns the environment in which the child finds what this process can import."""
    search_path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": search_path}
