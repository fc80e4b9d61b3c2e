"""How well pairs of one person are separated from pairs of two."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from keras_cv_course.faces.verification import check_pairs

FALSE_ACCEPT_RATES = (1e-1, 1e-2, 1e-3, 1e-4)
# So many false accepts must be possible at a rate for it to mean anything.
_FEWEST_EXPECTED = 10
_FOLDS = 10


@dataclass(frozen=True)
class AcceptRate:
    """True accepts at a rate of false ones.

    Attributes:
        false_accept_rate: Share of the pairs of two people that may be accepted.
        true_accept_rate: Share of the pairs of one person that are then accepted; None where there
            are too few pairs of two to measure it, fewer than 10 / `false_accept_rate`.
        true_accepts: How many these are.
        false_accepts: How many pairs of two people are accepted.
        threshold: Smallest similarity that is accepted.
    """

    false_accept_rate: float
    true_accept_rate: float | None
    true_accepts: int | None
    false_accepts: int | None
    threshold: float | None


@dataclass(frozen=True)
class VerificationReport:
    """What `verification_report` finds.

    Attributes:
        genuine: Number of pairs of one person.
        impostor: Number of pairs of two people.
        folds: Number of parts for the accuracy.
        accuracy: Mean share of right decisions, by the threshold of the other parts.
        accuracy_error: Standard error of that mean over the parts.
        threshold: Mean of these thresholds.
        auc: Area under the ROC curve.
        eer: Error rate where as large a share of one kind is rejected as of the other accepted.
        eer_threshold: Similarity at which that is so.
        accept_rates: True accepts at several rates of false ones.
        similarity: Of each pair, as given.
        same: Of each pair, as given.
    """

    genuine: int
    impostor: int
    folds: int
    accuracy: float
    accuracy_error: float
    threshold: float
    auc: float
    eer: float
    eer_threshold: float
    accept_rates: tuple[AcceptRate, ...]
    similarity: np.ndarray = field(repr=False, compare=False)
    same: np.ndarray = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers as JSON can hold them, without the pairs."""
        numbers = asdict(self)
        return {k: v for k, v in numbers.items() if k not in ("similarity", "same")}

    def __str__(self) -> str:
        lines = [
            f"{self.genuine} pairs of one person, {self.impostor} of two",
            f"accuracy {self.accuracy:.4f} ± {self.accuracy_error:.4f} ({self.folds} parts), "
            f"AUC {self.auc:.4f}, EER {self.eer:.4f}",
        ]
        for row in self.accept_rates:
            rate = f"TAR at FAR {row.false_accept_rate:.0e}: "
            if row.true_accept_rate is None:
                needed = math.ceil(_FEWEST_EXPECTED / row.false_accept_rate)
                rate += f"not measurable, {needed} pairs of two people are needed"
            else:
                rate += (
                    f"{row.true_accept_rate:.4f} ({row.true_accepts} of {self.genuine}; "
                    f"{row.false_accepts} of {self.impostor}), threshold {row.threshold:.4f}"
                )
            lines.append(rate)
        return "\n".join(lines)


def verification_report(
    similarity: np.ndarray, same: np.ndarray, fold: np.ndarray | None = None
) -> VerificationReport:
    """Returns how well similarities separate pairs of one person from pairs of two.

    The accuracy is LFW's: for each part of the pairs, the threshold is what decides most of the
    other parts rightly. It says nothing about another mix of pairs than the one given.

    Args:
        similarity: Cosine of each pair `(n,)`, or anything else that is higher for more alike.
        same: Whether it is of one person `(n,)`.
        fold: The part that each pair belongs to `(n,)`, at least two; people should be in one part
            only. None makes 10 parts of the pairs in their order, with the same share of each
            kind, fewer where there are fewer pairs of a kind.

    Raises:
        ValueError: If the arrays do not fit, or there are no two pairs of each kind.

    Example:
        >>> print(verification_report(verifier.similarity(a, b), same))

    Reference:
        "Labeled Faces in the Wild", Huang et al., Technical Report 07-49, 2007, section III
        (View 2).
    """
    similarity, same = check_pairs(similarity, same)
    fold = _in_turn(same) if fold is None else np.asarray(fold)
    numbers = np.unique(fold)
    if fold.shape != same.shape or len(numbers) < 2:
        raise ValueError(
            "`fold` must be the part of each pair, of at least two. Received: the shape "
            f"{fold.shape} and the parts {numbers[:5].tolist()} for {len(same)} pairs."
        )
    shares, thresholds = [], []
    for number in numbers:
        rest = fold != number
        threshold = best_threshold(similarity[rest], same[rest])
        thresholds.append(threshold)
        shares.append(np.mean((similarity[~rest] >= threshold) == same[~rest]))
    eer, eer_threshold = equal_error_rate(similarity, same)
    return VerificationReport(
        genuine=int(np.sum(same)),
        impostor=int(np.sum(~same)),
        folds=len(numbers),
        accuracy=float(np.mean(shares)),
        accuracy_error=float(np.std(shares, ddof=1) / math.sqrt(len(shares))),
        threshold=float(np.mean(thresholds)),
        auc=float(roc_auc_score(same, similarity)),
        eer=eer,
        eer_threshold=eer_threshold,
        accept_rates=tuple(_accept_rate(similarity, same, rate) for rate in FALSE_ACCEPT_RATES),
        similarity=similarity,
        same=same,
    )


def best_threshold(similarity: np.ndarray, same: np.ndarray) -> float:
    """Returns the threshold by which most pairs are decided rightly, in the middle of its gap."""
    same = np.asarray(same, bool)
    false, true, thresholds = roc_curve(same, similarity, drop_intermediate=False)
    right = true * np.sum(same) + (1.0 - false) * np.sum(~same)
    best = int(np.argmax(right))
    if best == 0:  # nothing is accepted
        return float(np.nextafter(np.max(similarity), np.inf))
    below = similarity[similarity < thresholds[best]]
    lower = np.max(below) if len(below) else thresholds[best]
    return float((thresholds[best] + lower) / 2)


def equal_error_rate(
    similarity: np.ndarray, same: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Returns the rate at which false accepts and false rejects meet, and its threshold.

    Between two points of the ROC curve the rates are joined by lines.

    Args:
        similarity: Of each pair `(n,)`.
        same: Whether it is of one person `(n,)`, with some of each kind.
        weights: How often each pair counts `(n,)`; None is once.
    """
    false, true, thresholds = roc_curve(
        same, similarity, sample_weight=weights, drop_intermediate=False
    )
    excess = false - (1.0 - true)  # rises from -1 to 1
    after = int(np.argmax(excess >= 0))
    before = after - 1
    part = -excess[before] / (excess[after] - excess[before])
    rate = false[before] + part * (false[after] - false[before])
    return float(rate), float(thresholds[after])


def _in_turn(same: np.ndarray) -> np.ndarray:
    """Returns a part for each pair: those of one kind take turns."""
    count = min(_FOLDS, int(np.sum(same)), int(np.sum(~same)))
    fold = np.zeros(len(same), int)
    for kind in (same, ~same):
        fold[kind] = np.arange(np.sum(kind)) % max(count, 1)
    return fold


def _accept_rate(similarity: np.ndarray, same: np.ndarray, rate: float) -> AcceptRate:
    impostors = np.sort(similarity[~same])[::-1]
    if len(impostors) < _FEWEST_EXPECTED / rate * (1 - 1e-9):
        return AcceptRate(rate, None, None, None, None)
    allowed = math.floor(rate * len(impostors) + 1e-9)
    threshold = float(np.nextafter(impostors[allowed], np.inf))
    accepted = similarity >= threshold
    true = int(np.sum(accepted & same))
    false = int(np.sum(accepted & ~same))
    return AcceptRate(rate, true / int(np.sum(same)), true, false, threshold)
