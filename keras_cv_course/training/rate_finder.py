"""The learning-rate range test: raise the rate step by step, and see where the loss falls."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_cv_course._atomic import replacing
from keras_cv_course._validation import check_positive, check_rate

_DPI = 120
_DIVERGED = 4.0  # times the lowest loss
_SKIPPED = 5  # steps at either end that decide nothing


@dataclass(frozen=True)
class RateSearch:
    """What a range test saw.

    Attributes:
        rates: Learning rate of each step, rising.
        losses: Loss of each step, before it, smoothed.
        steepest: Rate at which the loss falls fastest: a good highest rate for a schedule.
        lowest: Rate at which the loss is lowest; a tenth of it is another usual choice.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steepest: float
    lowest: float


class _Recorder(keras.callbacks.Callback):
    """Keeps each step's loss, and stops once it is far above the lowest."""

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.average = 0.0
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Lets the loss in the logs be that of one step, and not a mean over all."""
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the step's loss."""
        loss = float((logs or {})["loss"])
        count = len(self.losses) + 1
        self.average = self.smoothing * self.average + (1 - self.smoothing) * loss
        smooth = self.average / (1 - self.smoothing**count)  # As Adam unbiases its averages.
        if not np.isfinite(smooth) or smooth > _DIVERGED * min([*self.losses, smooth]):
            self.model.stop_training = True
        else:
            self.losses.append(smooth)


def find_learning_rate(
    model: keras.Model,
    train: Any,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    smoothing: float = 0.9,
) -> RateSearch:
    """Returns the losses of a short training whose rate rises from step to step.

    A copy of the model is trained, compiled with the same optimizer, loss and metrics; `model`
    stays as it is. The test ends early once the loss is four times its lowest.

    Args:
        model: A compiled functional model.
        train: `tf.data.Dataset` of batches as `model.fit` takes them; repeated where it is short.
        lowest: First rate.
        highest: Last rate.
        steps: Number of steps, at least 20.
        smoothing: Weight of the past in the average of the losses, from 0 to below 1.

    Raises:
        ValueError: If an argument is out of its range, the model is not compiled, or the loss rose
            at once.

    Example:
        >>> search = find_learning_rate(model, data.train)
        >>> plot_rates(search, "rates.png")
        >>> search.steepest

    Reference:
        Cyclical Learning Rates for Training Neural Networks, arXiv:1506.01186, section 3.3.
    """
    check_rate("smoothing", smoothing)
    check_positive("lowest", lowest)
    if not lowest < highest:
        raise ValueError(f"`highest` must be above `lowest`, {lowest}. Received: {highest}.")
    if steps < 4 * _SKIPPED:
        raise ValueError(f"`steps` must be at least {4 * _SKIPPED}. Received: {steps!r}.")
    if not model.compiled:
        raise ValueError("`model` must be compiled: the test uses its optimizer and its loss.")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    optimizer = model.optimizer.__class__.from_config(model.optimizer.get_config())
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(
        lowest, steps - 1, highest / lowest
    )
    copy.compile(optimizer, model.loss)
    recorder = _Recorder(smoothing)
    copy.fit(
        train.repeat(),
        epochs=1,
        steps_per_epoch=steps,
        callbacks=[recorder],
        shuffle=False,
        verbose=0,
    )
    return _choose(recorder.losses, lowest, highest, steps)


def _choose(losses: list[float], lowest: float, highest: float, steps: int) -> RateSearch:
    rates = lowest * (highest / lowest) ** (np.arange(len(losses)) / (steps - 1))
    if len(losses) < 3 * _SKIPPED:
        raise ValueError(
            f"`lowest` must be a rate at which the loss does not rise: it rose after {len(losses)} "
            f"steps from {lowest}. Try a tenth of it."
        )
    inner = slice(_SKIPPED, len(losses) - 1)
    slopes = np.gradient(np.array(losses), np.log(rates))[inner]
    return RateSearch(
        rates=tuple(rates.tolist()),
        losses=tuple(losses),
        steepest=float(rates[inner][np.argmin(slopes)]),
        lowest=float(rates[np.argmin(losses)]),
    )


def plot_rates(search: RateSearch, path: str | os.PathLike[str]) -> None:
    """Writes a PNG of the loss over the learning rate, with both suggestions.

    Args:
        search: What `find_learning_rate` returned.
        path: The image to write.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(search.rates, search.losses)
    for rate, name, style in (
        (search.steepest, "steepest", "--"),
        (search.lowest / 10, "a tenth of the lowest", ":"),
    ):
        axes.axvline(rate, color="gray", linestyle=style, linewidth=1, label=f"{name}: {rate:.2g}")
    # A loss that shoots up at the end must not flatten what matters.
    start, low = search.losses[0], min(search.losses)
    axes.set_ylim(low - 0.05 * (start - low), max(start + 0.5 * (start - low), low * 1.05))
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
    axes.set_title("learning-rate range test")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, dpi=_DPI)
