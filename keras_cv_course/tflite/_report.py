"""What all reports on .tflite files share: they are printed as tables and saved as JSON."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from keras_cv_course._atomic import write_atomic
from keras_cv_course._validation import printable

_WIDTH = 100


def render(*parts: RenderableType) -> str:
    """Returns tables and texts of rich as plain text, one below the other."""
    file = io.StringIO()
    console = Console(file=file, width=_WIDTH, highlight=False)
    for part in parts:
        console.print(part)
    return printable(file.getvalue().rstrip("\n"))


def save_json(content: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Returns the path of a JSON file that now holds `content`, written in one step."""
    return write_atomic(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
