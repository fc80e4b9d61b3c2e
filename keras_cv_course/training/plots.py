"""Images of a run: its curves, and which classes are taken for which."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_cv_course._atomic import replacing
from keras_cv_course.training.history import Score, best_row, by_accuracy, read_history

_DPI = 120
# Up to so many classes there is room for the counts.
_MOST_COUNTS = 20


def plot_results(
    results: str | os.PathLike[str],
    path: str | os.PathLike[str],
    metrics: Sequence[str] = ("accuracy",),
    score: Score = by_accuracy,
) -> None:
    """Writes a PNG of losses, metrics and learning rate over the epochs.

    Args:
        results: The `results.csv` of a run.
        path: The image to write.
        metrics: Names of the metrics, the one that counts first; "val_<name>" is drawn beside.
        score: What the best epoch is chosen by.

    Raises:
        FileNotFoundError: If there is no file `results`.
        ValueError: If it holds no epoch, or not what the score is computed from.
    """
    history = read_history(Path(results))
    if not history["epoch"]:
        raise ValueError(f"{results} holds no epoch to plot.")
    try:
        best = best_row(history, score)
    except KeyError as error:
        raise ValueError(
            f"{results} must have a column {error} to choose the best epoch."
        ) from error
    epochs = np.array(history["epoch"])
    losses = [name for name in history if name.endswith("loss")]
    measured = [f"{split}{name}" for name in metrics for split in ("", "val_")]
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = ("loss", ", ".join(metrics), "learning rate")
    columns = (losses, measured, ["learning_rate"])
    for axes, title, names in zip(panels, titles, columns, strict=True):
        for name in names:
            if name in history:
                values = np.array(history[name])
                known = np.isfinite(values)  # Not every epoch is evaluated.
                label = name.replace("_", " ")
                axes.plot(epochs[known], values[known], marker=".", label=label)
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
    panels[1].axvline(epochs[best], color="gray", linestyle=":", linewidth=1)
    panels[1].set_title(f"{metrics[0]} (best val {history[f'val_{metrics[0]}'][best]:.3f})")
    for axes in panels[:2]:
        axes.legend(frameon=False)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def plot_confusion(
    counts: np.ndarray,
    class_names: Sequence[str],
    path: str | os.PathLike[str],
    none: tuple[str, str] | None = None,
) -> None:
    """Writes a PNG of a confusion matrix: coloured by share of the true class, counts inside.

    Args:
        counts: Number of cases by true class (row) and by the class predicted (column).
        class_names: Names of the classes, by label.
        path: The image to write.
        none: The names of the last row and column, where they are not a class: nothing is there,
            and what is there was missed.
    """
    counts = np.asarray(counts)
    rows, columns = [*class_names], [*class_names]
    if none is not None:
        rows.append(none[0])
        columns.append(none[1])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(3.5 + 0.38 * len(counts), 24)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    # Drawn without sklearn's ConfusionMatrixDisplay, because that goes through pyplot.
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = np.arange(len(counts))
    rotation = 90 if max(map(len, columns)) > 3 else 0
    axes.set_xticks(places, columns, rotation=rotation)
    axes.set_yticks(places, rows)
    axes.set(xlabel="predicted", ylabel="true")
    if len(counts) <= _MOST_COUNTS:
        for row, column in np.argwhere(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    if none is None:
        axes.set_title(f"accuracy {np.trace(counts) / counts.sum():.3f} on {counts.sum()} images")
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)
