"""Where the data of a run is, which split of it is meant, and that it is still the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Part = TypeVar("Part")


def absolute(source: str, built_in: Sequence[str]) -> str:
    """Returns a folder as a path from the root, and the name of built-in data as it is."""
    return source if source in built_in else str(Path(source).expanduser().resolve())


def chosen_split(
    parts: Mapping[str, Part], split: str | None, default: str, source: str
) -> tuple[str, Part]:
    """Returns the name and the content of the split that is asked for.

    Args:
        parts: The splits by name.
        split: Name of one; None takes the default.
        default: Name of another.
        source: Where the data is.

    Raises:
        ValueError: If there is no such split.
    """
    chosen = default if split is None else split
    if chosen not in parts:
        raise ValueError(f"--split must be one of {sorted(parts)} for {source}. It is {chosen!r}.")
    return chosen, parts[chosen]


def check_files(
    source: str, recorded: Mapping[str, Sequence[str]], present: Mapping[str, Sequence[str]]
) -> None:
    """Raises ValueError unless the splits hold the files that the run began with.

    Args:
        source: Where the data is.
        recorded: Names of the files of each split when the run was started.
        present: The same now.
    """
    for split, names in recorded.items():
        now, before = set(present.get(split, ())), set(names)
        if now != before:
            raise ValueError(
                f"{source} must hold the files that the run began with. In its {split} "
                f"{len(before - now)} are missing and {len(now - before)} are new, e.g. "
                f"{min(before ^ now)}. Bring them back, or start a new run."
            )
