"""Trains a detector as `fitting` trains a classifier, and shows what it has learned."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_cv_course._atomic import replacing
from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.data.epochs import as_epochs
from keras_cv_course.detectors.detector import Detector
from keras_cv_course.metrics.detection_callback import AveragePrecision
from keras_cv_course.metrics.voc_ap import best_precision, precision_recall
from keras_cv_course.training.detection import compile_detector
from keras_cv_course.training.fitting import fit_run
from keras_cv_course.training.history import best_row, read_history
from keras_cv_course.training.run_folder import RunFolder

MONITOR = "val_AP50"
_DPI = 120
_NAMED_CURVES = 10  # as many as there are colours
# Of the detections that average precision is computed of.
_LOWEST_SCORE = 0.01


def fit_detector(
    model: keras.Model,
    train: Any,
    samples: Callable[[], Iterable[Any]],
    class_names: Sequence[str],
    run: RunFolder,
    epochs: int,
    learning_rate: float,
    resize: str = "stretch",
    every: int = 1,
    verbose: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **loss_options: Any,
) -> dict[str, list[float]]:
    """Returns loss and average precision of every epoch; the best model is then in `run.model`.

    Compiles with Adam, whose rate rises to `learning_rate` over the first epoch and then falls to
    zero along half a cosine, and with the loss of the detector's family; trains in the run folder
    as `fit_run` does, so that it goes on after a kill. The best model is that of the highest AP50.

    Args:
        model: A detector, float or quantization-aware.
        train: `Epochs`, or a `tf.data.Dataset` of a known number of batches, of (pictures,
            targets), see `target_encoder`.
        samples: Called before each evaluation, returns held-out pictures and what is in them.
        class_names: Names of the classes, by label.
        run: Where the files go.
        epochs: Passes over `train`.
        learning_rate: Highest rate.
        resize: How `train` brings pictures to the size of the input, see `Detector`.
        every: Epochs from one evaluation to the next; the last epoch is evaluated in any case.
        verbose: As in `model.fit`.
        callbacks: More callbacks for `model.fit`, the same when the run goes on.
        **loss_options: Options of the loss, see `compile_detector`.

    Returns:
        Columns of `run.results`: "epoch", "loss", those of the heads, "val_AP", "val_AP50" and
        "learning_rate".

    Raises:
        ValueError: If `epochs`, `learning_rate` or `every` is out of its range, the model is no
            detector, `train` has no known length, or `run.resume` holds the state of another model.
        FloatingPointError: If the loss becomes NaN or infinite.
    """
    check_whole("epochs", epochs)
    check_whole("every", every)
    check_positive("learning_rate", learning_rate)
    train = as_epochs(train)
    steps = train.batches
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(steps * (epochs - 1), 1), warmup_target=learning_rate, warmup_steps=steps
    )
    detector = Detector(model, class_names, score_threshold=_LOWEST_SCORE, resize=resize)
    trained = compile_detector(model, keras.optimizers.Adam(schedule), **loss_options)
    scores = _Precision(epochs, detector.predict, samples, class_names, every)
    options = {"score": by_average_precision, "kept": model}
    return fit_run(trained, train, None, run, epochs, verbose, [*callbacks, scores], **options)


class _Precision(AveragePrecision):
    """Evaluates every few epochs, counted so that the last one is among them."""

    def __init__(self, epochs: int, *args: Any) -> None:
        super().__init__(*args)
        self.shift = (self.every - epochs) % self.every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch + self.shift, logs)


def by_average_precision(row: Mapping[str, float]) -> tuple[float, ...]:
    """Returns the score of an epoch by which detectors are kept."""
    return (float(row[MONITOR]),)


def best_epoch(history: Mapping[str, Sequence[float]]) -> int:
    """Returns the row of the epoch of the highest AP50, of equal ones the first."""
    return best_row(history, by_average_precision)


def plot_detection_results(results: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Writes a PNG of loss and average precision over the epochs.

    Args:
        results: The `results.csv` of a run.
        path: The picture to write.
    """
    history = read_history(Path(results))
    epochs = np.array(history["epoch"]) + 1
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    losses = [name for name in history if name.endswith("loss")]
    for name in losses:
        left.plot(epochs, history[name], marker=".", label=name.replace("_", " "))
    left.set(title="loss", xlabel="epoch", ylim=(0, None))
    for name in ("AP", "AP50"):
        # Between two evaluations the last one holds.
        right.plot(epochs, history[f"val_{name}"], drawstyle="steps-post", label=name)
    best = best_epoch(history)
    right.set(title=f"val AP50 {history[MONITOR][best]:.3f}", xlabel="epoch", ylim=(0, 1.02))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _tidy(axes)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def plot_precision_recall(
    truths: Sequence[Any],
    found: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
    path: str | os.PathLike[str],
) -> None:
    """Writes a PNG of precision over recall of each class, at an IoU of 0.5.

    Of more classes than colours tell apart, the curves are grey, with their mean on top.

    Args:
        truths: What is in each picture.
        found: What was found in each, as `Detector.predict` returns it.
        class_names: Names of the classes, by label.
        path: The picture to write.
    """
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    axes = figure.subplots()
    occurring = {int(label) for truth in truths for label in truth.labels}
    curves = {label: precision_recall(truths, found, label)[:2] for label in sorted(occurring)}
    if len(curves) <= _NAMED_CURVES:
        for label, (precision, recall) in curves.items():
            axes.plot(recall, precision, label=class_names[label])
    else:
        _plot_grey(axes, list(curves.values()))
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    _tidy(axes)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def _plot_grey(axes: Any, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Draws curves alike, and the mean of their best precisions at each recall."""
    recalls = np.linspace(0, 1, 101)
    for precision, recall in curves:
        axes.plot(recall, precision, color="0.8", linewidth=0.8)
    mean = np.mean([best_precision(*curve, recalls) for curve in curves], axis=0)
    axes.plot(recalls, mean, label=f"mean of {len(curves)} classes")


def plot_detection_confusion(
    counts: np.ndarray, class_names: Sequence[str], path: str | os.PathLike[str]
) -> None:
    """Writes a PNG of which classes are found as which, counts inside.

    Args:
        counts: What `detection_confusion` returns.
        class_names: Names of the classes, by label.
        path: The picture to write.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(4.0 + 0.38 * len(counts), 24)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = np.arange(len(counts))
    axes.set_xticks(places, [*class_names, "missed"], rotation=90)
    axes.set_yticks(places, [*class_names, "nothing"])
    axes.set(xlabel="found as", ylabel="what is there")
    for row, column in np.argwhere(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color)
    figure.colorbar(image, ax=axes, label="share of what is there", shrink=0.8)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def _tidy(axes: Any) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
