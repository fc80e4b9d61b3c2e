"""Makes new pictures of faces, and takes their labels along."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf


def _ibug_mirror() -> tuple[int, ...]:
    """Returns which of iBUG's 68 points each becomes in a mirror."""
    runs = [(0, 16), (17, 26), (31, 35), (36, 45), (39, 42), (40, 47), (48, 54), (55, 59)]
    runs += [(60, 64), (65, 67)]
    mirror = list(range(68))
    for first, last in runs:
        for i in range(first, last + 1):
            mirror[i] = first + last - i
    # The eyes: corners, upper and lower lids.
    for i, j in ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)):
        mirror[i], mirror[j] = j, i
    return tuple(mirror)


IBUG_MIRROR = _ibug_mirror()
