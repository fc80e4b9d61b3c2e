"""Names that are each there once."""

import itertools
from collections.abc import Sequence


def free_name(name: str, taken: set[str]) -> str:
    """Returns `name`, with a number where it is taken; from then on it is."""
    numbered = (f"{name}_{i}" for i in itertools.count(1))
    free = next(n for n in itertools.chain((name,), numbered) if n not in taken)
    taken.add(free)
    return free


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names of which none is there twice: later ones of a name get a number.

    Args:
        names: Names, of which some may be equal.
    """
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        unique.append(free_name(name, taken) if name in seen else name)
        seen.add(name)
    return tuple(unique)
