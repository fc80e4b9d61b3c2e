"""Measures of identification where some of those who come are not in the gallery."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from keras_cv_course._validation import check_whole

# So many false identifications must be possible at a rate for it to mean anything.
_FEWEST_EXPECTED = 10


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold gives.

    Attributes:
        false_positive_rate: Share of the strangers that may be given a name.
        identification_rate: Share of enrolled people's images that reach the threshold and are
            given the right name; None where there are too few strangers to measure it, fewer than
            10 / `false_positive_rate`.
        identified: How many these are.
        false_positives: How many strangers are given a name.
        threshold: Smallest similarity that is given a name.
    """

    false_positive_rate: float
    identification_rate: float | None
    identified: int | None
    false_positives: int | None
    threshold: float | None


@dataclass(frozen=True)
class OpenSetReport:
    """How well a gallery names those who are in it, and rejects those who are not.

    Attributes:
        known: Images of people who are in the gallery.
        strangers: Images of people who are not.
        people: People in the gallery.
        rank: A name counts as right among this many most similar people.
        closed_set_rate: Share of `known` that get the right name when all are accepted.
        points: What the thresholds give, in the order of the given rates.
    """

    known: int
    strangers: int
    people: int
    rank: int
    closed_set_rate: float
    points: tuple[OperatingPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON can hold it."""
        return asdict(self)


def open_set_report(
    similarity: np.ndarray,
    probe_names: Sequence[str],
    gallery_names: Sequence[str],
    false_positive_rates: Sequence[float] = (0.1, 0.01),
    rank: int = 1,
) -> OpenSetReport:
    """Returns detection and identification rates at false-positive identification rates.

    A probe whose name is in the gallery is a known person, any other a stranger. Of the faces that
    a person has in the gallery the most alike counts. Where two people are equally alike, the
    wrong one counts as first.

    Args:
        similarity: Array `(probes, faces)`, higher is more alike: of each probe to each face of
            the gallery.
        probe_names: Who each probe is.
        gallery_names: Whose each face of the gallery is.
        false_positive_rates: Largest share of strangers that may be given a name, each above 0 and
            below 1.
        rank: Names that may be given to a probe, the most alike first.

    Raises:
        ValueError: If a shape does not fit, a similarity is not finite, a rate is out of its
            range, or there are no known people or no strangers.

    Example:
        >>> similarity = probes @ gallery.T  # of embeddings of unit length
        >>> report = open_set_report(similarity, probe_names, gallery_names, [0.01])
        >>> report.points[0].identification_rate, report.points[0].threshold

    Reference:
        "Handbook of Face Recognition", Li and Jain (2005), chapter 14 "Evaluation Methods in Face
        Recognition", Phillips, Grother and Micheals: detection and identification rate
        P_DI(threshold, rank) and false alarm rate P_FA(threshold), section on open-set
        identification. ISO/IEC 19795-1 calls P_FA the false-positive identification rate.
    """
    similarity, probes, gallery = _checked(similarity, probe_names, gallery_names)
    check_whole("rank", rank)
    people, column = np.unique(gallery, return_inverse=True)
    by_person = np.full((len(similarity), len(people)), -np.inf)
    for person in range(len(people)):
        by_person[:, person] = similarity[:, column == person].max(axis=1)
    known = np.isin(probes, people)
    if known.all() or not known.any():
        raise ValueError(
            "`probe_names` must hold people who are in the gallery and others. "
            f"Received: {known.sum()} of {len(known)} in it."
        )
    mates = by_person[known, np.searchsorted(people, probes[known])]
    # The mate itself is one of those that are at least as alike.
    ranks = (by_person[known] >= mates[:, None]).sum(axis=1)
    named = ranks <= rank
    strangers = by_person[~known].max(axis=1)
    points = [_point(rate, mates, named, strangers) for rate in false_positive_rates]
    return OpenSetReport(
        known=int(known.sum()),
        strangers=len(strangers),
        people=len(people),
        rank=rank,
        closed_set_rate=float(named.mean()),
        points=tuple(points),
    )


def _point(
    rate: float, mates: np.ndarray, named: np.ndarray, strangers: np.ndarray
) -> OperatingPoint:
    if not 0 < rate < 1:
        raise ValueError(
            f"`false_positive_rates` must each be above 0 and below 1. Received: {rate!r}."
        )
    # In floating point 0.1 * 30 is a little more than 3, and 0.7 * 10 a little less than 7.
    if len(strangers) < _FEWEST_EXPECTED / rate * (1 - 1e-9):
        return OperatingPoint(float(rate), None, None, None, None)
    allowed = math.floor(rate * len(strangers) + 1e-9)
    # Just above the first that must not be given a name.
    threshold = np.nextafter(np.sort(strangers)[::-1][allowed], np.inf)
    identified = int((named & (mates >= threshold)).sum())
    return OperatingPoint(
        false_positive_rate=float(rate),
        identification_rate=identified / len(mates),
        identified=identified,
        false_positives=int((strangers >= threshold).sum()),
        threshold=float(threshold),
    )


def _checked(
    similarity: np.ndarray, probe_names: Sequence[str], gallery_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    similarity = np.asarray(similarity, np.float64)
    probes, gallery = np.asarray(probe_names, np.str_), np.asarray(gallery_names, np.str_)
    if similarity.shape != (len(probes), len(gallery)):
        raise ValueError(
            "`similarity` must have a row for each probe and a column for each face of the "
            f"gallery, {(len(probes), len(gallery))}. Received: {similarity.shape}."
        )
    if not np.isfinite(similarity).all():
        raise ValueError("`similarity` must be finite. Received NaN or infinity.")
    return similarity, probes, gallery
