"""Argument checks that several modules share: rule, what was received, the way out."""

import difflib
import functools
import inspect
import json
import math
import os
import reprlib
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Far above what any network of this package needs, and below what takes a whole machine.
MOST_SIZE_PX = 8192
MOST_BATCH = 65_536
MOST_PIXELS_OF_A_BATCH = 2**30
MOST_CLASSES = 10_000_000
MOST_EPOCHS = 1_000_000
MOST_ANCHORS = 2**24
MOST_FILTERS = 2**17
MOST_REPEATS = 1000
MOST_SEED = 2**32 - 1  # of NumPy's generators
_LEAST_CROP = 0.001
_MOST_VALUE = 1e30  # whose differences, and 1 over these, are finite in float32
_THREADS_A_CORE = 4
_MOST_LISTED = 20
_MOST_CHARACTERS = 200
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _MOST_CHARACTERS
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = _MOST_LISTED


def shortened(value: Any) -> str:
    """Returns what a message shows of a value that was received: `repr`, cut where it is long."""
    text = _SHORT.repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def printable(text: str) -> str:
    r"""Returns a text as a terminal may show it, with JSON's escapes for control characters.

    Names of classes, layers and files are not trusted, and ESC in one of them could move the
    cursor, rewrite what was printed, or worse. Lines stay lines.
    """
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def check_choice(argument: str, value: Any, choices: Iterable[Any]) -> None:
    """Raises ValueError unless `value` is one of `choices`; suggests the nearest spelling."""
    choices = tuple(choices)
    if value in choices:
        return
    typed = value if isinstance(value, str) else shortened(value)
    near = difflib.get_close_matches(
        typed[:_MOST_CHARACTERS], [str(c) for c in choices], n=3, cutoff=0.5
    )
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    listed = ", ".join(map(repr, choices[:_MOST_LISTED]))
    rest = f" and {len(choices) - _MOST_LISTED} more" if len(choices) > _MOST_LISTED else ""
    raise ValueError(
        f"`{argument}` must be one of {listed}{rest}. Received: {shortened(value)}.{hint}"
    )


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
    """Raises ValueError unless `value` is a finite number above zero, of Python's or NumPy's."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
        raise ValueError(f"`{argument}` must be a number above 0. Received: {shortened(value)}.")


def check_whole(argument: str, value: int) -> None:
    """Raises ValueError unless `value` is a whole number above zero, of Python's or NumPy's."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not value > 0:
        raise ValueError(
            f"`{argument}` must be a whole number above 0. Received: {shortened(value)}."
        )


def check_at_most(argument: str, value: int, most: int) -> None:
    """Raises ValueError unless `value` is a whole number from 1 to `most`.

    It is called before memory, threads or time are spent in proportion to a number: one digit
    too many would take the whole machine.
    """
    check_whole(argument, value)
    if value > most:
        raise ValueError(f"`{argument}` must be at most {most:,}. Received: {shortened(value)}.")


def check_threads(argument: str, value: int) -> None:
    """Raises ValueError unless `value` is a number of threads that a machine can bear."""
    check_at_most(argument, value, max(64, _THREADS_A_CORE * (os.cpu_count() or 1)))


def check_batch(batch: int, height: int, width: int) -> None:
    """Raises ValueError unless a batch of images of a size has a bearable number of pixels."""
    check_at_most("batch", batch, MOST_BATCH)
    for argument, size_px in (("height", height), ("width", width)):
        check_at_most(argument, size_px, MOST_SIZE_PX)
    pixels = batch * height * width
    if pixels > MOST_PIXELS_OF_A_BATCH:
        raise ValueError(
            f"`batch` times height times width must be at most {MOST_PIXELS_OF_A_BATCH:,} pixels. "
            f"Received: {batch} images of {height} x {width}, {pixels:,}."
        )


def check_rate(argument: str, value: float) -> None:
    """Raises ValueError unless `value` is in [0, 1), of Python's or NumPy's numbers."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(
            f"`{argument}` must be at least 0 and below 1. Received: {shortened(value)}."
        )


def check_crop(value: float) -> None:
    """Raises ValueError unless `value` is a share of a side that leaves something of an image."""
    if not _LEAST_CROP <= value <= 1:
        raise ValueError(
            f"`crop` must be at least {_LEAST_CROP} and at most 1. Received: {shortened(value)}."
        )


def check_input_range(value: Any) -> None:
    """Raises ValueError unless `value` is the smallest and the largest of numbers around 0."""
    low, high = value if len(value) == 2 else (math.nan, math.nan)
    if not -_MOST_VALUE < low <= 0 <= high < _MOST_VALUE or not high - low > 1 / _MOST_VALUE:
        raise ValueError(
            "`input_range` must be the smallest and the largest value of the inputs, with 0 among "
            f"them. Received: {shortened(value)}. Pixels are (0, 255), (0, 1) or (-1, 1)."
        )
