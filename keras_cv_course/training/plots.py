"""Pictures of a run: its curves, and which classes it takes for which."""

import os
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_cv_course._atomic import replacing
from keras_cv_course.training.evaluation import ClassifierReport
from keras_cv_course.training.history import best_row, read_history

_DPI = 120
# Up to so many classes there is room for the counts.
_MOST_COUNTS = 20


def plot_results(results: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Writes a PNG of loss, accuracy and learning rate over the epochs.

    Args:
        results: The `results.csv` of a run.
        path: The picture to write.

    Raises:
        FileNotFoundError: If there is no file `results`.
        ValueError: If it holds no epoch.
    """
    history = read_history(Path(results))
    if not history["epoch"]:
        raise ValueError(f"{results} holds no epoch to plot.")
    epochs = np.array(history["epoch"]) + 1
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, metric in zip(panels, ("loss", "accuracy", "learning_rate"), strict=True):
        for column, label in ((metric, "train"), (f"val_{metric}", "val")):
            if column in history:
                axes.plot(epochs, history[column], marker=".", label=label)
        axes.set(title=metric.replace("_", " "), xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
    best = best_row(history)
    panels[1].set_ylim(0, 1.02)
    panels[1].axvline(epochs[best], color="gray", linestyle=":", linewidth=1)
    panels[1].set_title(f"accuracy (best val {history['val_accuracy'][best]:.3f})")
    for axes in panels[:2]:
        axes.legend(frameon=False)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def plot_confusion(report: ClassifierReport, path: str | os.PathLike[str]) -> None:
    """Writes a PNG of a confusion matrix: coloured by share of the true class, counts inside.

    Args:
        report: The evaluation to show.
        path: The picture to write.
    """
    counts = np.array(report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(3.5 + 0.38 * len(counts), 24)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    # Drawn without sklearn's ConfusionMatrixDisplay, because that goes through pyplot.
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    rows = np.arange(len(counts))
    rotation = 90 if max(map(len, report.class_names)) > 3 else 0
    axes.set_xticks(rows, report.class_names, rotation=rotation)
    axes.set_yticks(rows, report.class_names)
    axes.set(xlabel="predicted", ylabel="true")
    if len(counts) <= _MOST_COUNTS:
        for row, column in np.argwhere(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    axes.set_title(f"accuracy {report.accuracy:.3f} on {counts.sum()} pictures")
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)
