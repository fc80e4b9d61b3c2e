"""Plots of how well an encoder separates people."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from keras_cv_course._atomic import replacing
from keras_cv_course.faces.verification_report import VerificationReport

_DPI = 120
_BINS = 50


def plot_verification(
    reports: Mapping[str, VerificationReport],
    path: str | os.PathLike[str],
    threshold: float | None = None,
) -> None:
    """Writes a PNG of ROC curves, and of the similarities of the first report.

    Args:
        reports: Reports by what their curve is called, e.g. "float" and "int8".
        path: The image to write.
        threshold: Drawn among the similarities of the first report, and as a point on its curve.

    Raises:
        ValueError: If there is no report.
    """
    if not reports:
        raise ValueError("`reports` must hold at least one report. Received none.")
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    curves, histogram = figure.subplots(1, 2)
    for name, report in reports.items():
        false, true, _ = roc_curve(report.same, report.similarity, drop_intermediate=False)
        curves.plot(false, true, drawstyle="steps-post", label=f"{name}, EER {report.eer:.3f}")
    name, first = next(iter(reports.items()))
    # Left of one false accept there is nothing to see.
    least = min(1 / report.impostor for report in reports.values())
    curves.set(xscale="log", xlim=(least, 1), ylim=(0, 1.01))
    curves.set(xlabel="false accept rate", ylabel="true accept rate", title="ROC")
    for label, kind in (("one person", first.same), ("two people", ~first.same)):
        values = first.similarity[kind]
        weights = np.full(len(values), 1 / len(values))
        histogram.hist(values, _BINS, range=(-1, 1), weights=weights, alpha=0.6, label=label)
    histogram.set(xlabel="similarity", ylabel="share of the pairs", title=name)
    if threshold is not None:
        accepted = first.similarity >= threshold
        point = np.mean(accepted[~first.same]), np.mean(accepted[first.same])
        curves.plot(max(point[0], least), point[1], "k.", markersize=9, label="threshold")
        histogram.axvline(threshold, color="black", linestyle=":", label="threshold")
    for axes in (curves, histogram):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    curves.legend(frameon=False, loc="best")
    histogram.legend(frameon=False, loc="upper left")
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)
