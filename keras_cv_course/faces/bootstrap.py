"""How much a measure of verification depends on who happened to be there."""

from collections.abc import Callable

import numpy as np

from keras_cv_course._validation import check_whole
from keras_cv_course.faces.verification import check_pairs

# Gets similarities, labels and how often each pair counts.
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def bootstrap_interval(
    measure: Measure,
    similarity: np.ndarray,
    same: np.ndarray,
    people_a: np.ndarray,
    people_b: np.ndarray,
    repeats: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Returns the ends of the interval that a measure has when other people are drawn.

    People are drawn with replacement, as many as there are; pairs of one of them count as often
    as the person was drawn, pairs of two as often as both were. Pairs of one person are not
    independent, which drawing pairs would forget: that interval is too narrow.

    Args:
        measure: Gets `similarity`, `same` and weights, each `(n,)`, and returns a number.
        similarity: Of each pair `(n,)`.
        same: Whether it is of one person `(n,)`.
        people_a: Who is on the first image `(n,)`.
        people_b: Who is on the second.
        repeats: How many times people are drawn. A draw without pairs of both kinds is left out.
        coverage: Share of the draws that the interval holds.
        seed: Decides the draws.

    Raises:
        ValueError: If the arrays do not fit, or no draw has pairs of both kinds.

    Example:
        >>> eer = lambda *pairs: equal_error_rate(*pairs)[0]
        >>> low, high = bootstrap_interval(eer, similarity, same, people_a, people_b)
    """
    similarity, same = check_pairs(similarity, same)
    check_whole("repeats", repeats)
    if not 0 < coverage < 1:
        raise ValueError(f"`coverage` must be above 0 and below 1. Received: {coverage!r}.")
    if not np.shape(people_a) == np.shape(people_b) == same.shape:
        raise ValueError(
            "`people_a` and `people_b` must name who is on each image of each pair. Received: "
            f"{np.shape(people_a)} and {np.shape(people_b)} for {len(same)} pairs."
        )
    names, rows = np.unique(np.concatenate([people_a, people_b]), return_inverse=True)
    a, b = rows[: len(same)], rows[len(same) :]
    if np.any((a == b) != same):
        raise ValueError("`same` must be true where `people_a` is `people_b`, and nowhere else.")
    rng = np.random.default_rng(seed)
    estimates = []
    for _ in range(repeats):
        drawn = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        weights = np.where(same, drawn[a], drawn[a] * drawn[b]).astype(np.float64)
        used = weights > 0
        if np.any(same[used]) and not np.all(same[used]):
            estimates.append(measure(similarity[used], same[used], weights[used]))
    if not estimates:
        raise ValueError(
            "There must be enough people that a draw of them has pairs of both kinds. Received: "
            f"{len(names)}."
        )
    low, high = np.quantile(estimates, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)
