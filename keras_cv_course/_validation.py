"""Argument checks that several modules share: rule, what was received, the way out."""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_MOST_LISTED = 20


def check_choice(argument: str, value: Any, choices: Iterable[Any]) -> None:
    """Raises ValueError unless `value` is one of `choices`; suggests the nearest spelling."""
    choices = tuple(choices)
    if value in choices:
        return
    near = difflib.get_close_matches(str(value), [str(c) for c in choices], n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    listed = ", ".join(map(repr, choices[:_MOST_LISTED]))
    rest = f" and {len(choices) - _MOST_LISTED} more" if len(choices) > _MOST_LISTED else ""
    raise ValueError(f"`{argument}` must be one of {listed}{rest}. Received: {value!r}.{hint}")


# What other libraries call our arguments.
_OTHER_NAMES = {
    "image_size": "input_shape",
    "img_size": "input_shape",
    "n_classes": "classes",
    "nclasses": "classes",
    "num_classes": "classes",
    "pretrained": "weights",
    "shape": "input_shape",
    "size": "input_shape",
    "width_mult": "alpha",
    "width_multiplier": "alpha",
}


def check_keywords(function: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises TypeError for the first keyword that a function does not take; suggests the nearest.

    Args:
        function: Name of the function.
        given: Keywords of the call.
        known: Those that it takes.
    """
    known = tuple(known)
    for name in given:
        if name in known:
            continue
        other = _OTHER_NAMES.get(name)
        near = [other] if other in known else difflib.get_close_matches(name, known, n=1)
        hint = f"Use `{near[0]}`." if near else f"It takes {', '.join(known)}."
        raise TypeError(f"{function}() has no argument `{name}`. {hint}")


def suggest_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Returns a function with `check_keywords` before it; a decorator for builders."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        check_keywords(function.__name__, kwargs, known)
        return function(*args, **kwargs)

    return checked


def check_positive(argument: str, value: float) -> None:
    """Raises ValueError unless `value` is a number above zero, of Python's or NumPy's."""
    if isinstance(value, bool) or not isinstance(value, Real) or not value > 0:
        raise ValueError(f"`{argument}` must be a number above 0. Received: {value!r}.")


def check_whole(argument: str, value: int) -> None:
    """Raises ValueError unless `value` is a whole number above zero, of Python's or NumPy's."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not value > 0:
        raise ValueError(f"`{argument}` must be a whole number above 0. Received: {value!r}.")


def check_rate(argument: str, value: float) -> None:
    """Raises ValueError unless `value` is in [0, 1), of Python's or NumPy's numbers."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"`{argument}` must be at least 0 and below 1. Received: {value!r}.")


def check_input_range(value: Any) -> None:
    """Raises ValueError unless `value` is the smallest and the largest of numbers around 0."""
    if len(value) != 2 or not value[0] <= 0 <= value[1] or value[0] == value[1]:
        raise ValueError(
            "`input_range` must be the smallest and the largest value of the inputs, with 0 among "
            f"them. Received: {value!r}. Pixels are (0, 255), (0, 1) or (-1, 1)."
        )
