"""The curves of precision over recall of a detector's classes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_cv_course._atomic import replacing
from keras_cv_course.metrics.voc_ap import best_precision, precision_recall

_DPI = 120
_NAMED_CURVES = 10  # as many as there are colours


def plot_precision_recall(
    truths: Sequence[Any],
    detections: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    path: str | os.PathLike[str],
) -> None:
    """Writes a PNG of precision over recall of each class, at an IoU of 0.5.

    For more classes than there are distinct colours, the curves are grey, with their mean on top.

    Args:
        truths: What is in each image.
        detections: What was found in each, as `Detector.predict` returns it.
        class_names: Names of the classes, by label.
        path: The image to write.
    """
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    axes = figure.subplots()
    occurring = {int(label) for truth in truths for label in truth.labels}
    curves = {label: precision_recall(truths, detections, label)[:2] for label in sorted(occurring)}
    if len(curves) <= _NAMED_CURVES:
        for label, (precision, recall) in curves.items():
            axes.plot(recall, precision, label=class_names[label])
    else:
        _plot_grey(axes, list(curves.values()))
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def _plot_grey(axes: Any, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Draws curves alike, and the mean of their best precisions at each recall."""
    recalls = np.linspace(0, 1, 101)
    for precision, recall in curves:
        axes.plot(recall, precision, color="0.8", linewidth=0.8)
    mean = np.mean([best_precision(*curve, recalls) for curve in curves], axis=0)
    axes.plot(recalls, mean, label=f"mean of {len(curves)} classes")
