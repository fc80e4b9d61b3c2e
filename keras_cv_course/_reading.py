"""Reads untrusted text, JSON and YAML; each error names the file."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

_MOST_TEXT_BYTES = 256 * 2**20
# PyYAML is slow: a file of this size takes seconds. The arguments of a run have a few thousand.
_MOST_YAML_BYTES = 2**20


def check_regular(path: str | os.PathLike[str]) -> Path:
    """Returns `path`; raises unless it is a regular file, or a link to one.

    A pipe would keep the reader waiting, and a device such as /dev/zero never ends.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is a folder, a pipe, a socket or a device.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe, a socket or a device"
        raise ValueError(f"{path} must be a file. It is {kind}.")
    return path


def read_bytes(path: str | os.PathLike[str], most_bytes: int = _MOST_TEXT_BYTES) -> bytes:
    """Returns the content of a file.

    Args:
        path: The file.
        most_bytes: The largest size that is read. A sparse file takes no room on the disk.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no regular file, or too large.
    """
    path = check_regular(path)
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(f"{path} must have at most {most_bytes:,} bytes. It has {size:,}.")
    return path.read_bytes()


def read_text(path: str | os.PathLike[str], most_bytes: int = _MOST_TEXT_BYTES) -> str:
    """Returns the content of a UTF-8 file, with its line ends as they are.

    Args:
        path: The file.
        most_bytes: The largest size that is read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a regular file, too large, or not UTF-8.
    """
    try:
        return read_bytes(path, most_bytes).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8: {error}.") from error


def parse_json(text: str | bytes, name: str | os.PathLike[str]) -> Any:
    """Returns what a text holds as JSON.

    Args:
        text: The text.
        name: The file that it comes from, for the message.

    Raises:
        ValueError: If it is not JSON, or its lists are nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{name} is not readable: its lists are nested too deeply.") from error
    except ValueError as error:
        raise ValueError(f"{name} is not JSON: {error}.") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """Returns what a JSON file holds.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON, or its lists are nested too deeply.
    """
    return parse_json(read_text(path), path)


class _PlainLoader(yaml.SafeLoader):
    """Loads plain values. Aliases are refused: a few lines of them make gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are refused", problem_mark=mark)
        return super().compose_node(parent, index)


class _PlainDumper(yaml.SafeDumper):
    """Writes a list that occurs twice twice, and no alias, which `_PlainLoader` refuses."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """Returns what a YAML file holds: plain values without aliases and tags.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such YAML, nested too deeply, or larger than 1 MiB.
    """
    text = read_text(path, _MOST_YAML_BYTES)
    try:
        return yaml.load(text, _PlainLoader)
    except RecursionError as error:
        raise ValueError(f"{path} is not readable: its lists are nested too deeply.") from error
    # Beside YAMLError PyYAML raises what its constructors of numbers and dates do.
    except Exception as error:
        where = str(error).replace('in "<unicode string>", ', "in ")  # PyYAML's name for text.
        raise ValueError(f"{path} is not YAML: {where}") from error


def write_yaml(content: Any) -> str:
    """Returns plain values as YAML that `read_yaml` reads."""
    return yaml.dump(content, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)
