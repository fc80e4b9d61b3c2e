"""Trains a model so that the best epoch is kept and a killed run can continue."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_cv_course._atomic import replacing
from keras_cv_course.data.epochs import Epochs, as_epochs
from keras_cv_course.data.shard_reader import corrupt_shards_named
from keras_cv_course.training.applying import compile_classifier, prepared_for, recipe_callbacks
from keras_cv_course.training.checkpoint import Checkpoint
from keras_cv_course.training.divergence import StopOnDivergence
from keras_cv_course.training.history import (
    EpochTable,
    Score,
    by_accuracy,
    read_history,
    trim_history,
)
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.run_folder import RunFolder
from keras_cv_course.training.strategy import Worker, outside_distribution

_BEST = re.compile(r"best_(\d+)\.keras")


@dataclass(frozen=True)
class Training:
    """A compiled model with its images, ready for `fit_run`.

    Attributes:
        model: The compiled model.
        train: What it learns from.
        val: What the best epoch is chosen by, or None where a callback measures that.
        score: Returns the score of an epoch.
        saved_model: What is saved, if it is not `model` but shares its weights.
        callbacks: What else an epoch needs.
    """

    model: keras.Model
    train: Epochs
    val: Any
    score: Score
    saved_model: keras.Model | None = None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()


def fit(
    model: keras.Model,
    recipe: Recipe,
    train: Any,
    val: Any = None,
    input_range: tuple[float, float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | str = "auto",
    run: RunFolder | None = None,
) -> keras.callbacks.History:
    """Returns the History of training a classifier by a recipe.

    It is `compile_classifier`, `prepared` images and `model.fit` in a row; each can be called by
    itself. With label smoothing, `loss` and `val_loss` are those of the smoothed labels.

    In a run folder, training resumes after an interruption as `fit_run` does, and the best model is
    then in `run.model`. The History holds the epochs before the interruption, too.

    Args:
        model: Gives probabilities or logits `(batch, classes)`; changed in place.
        recipe: How to train.
        train: `Epochs`, or a `tf.data.Dataset` of a known number of batches, of (images, class
            numbers).
        val: `tf.data.Dataset` of the same to evaluate after each epoch, or None. In a run folder,
            the best epoch is chosen by it.
        input_range: Smallest and largest pixel value; None where the model records it.
        callbacks: More callbacks for `model.fit`.
        verbose: As in `model.fit`.
        run: The run folder; None writes nothing.

    Raises:
        ValueError: If the recipe does not fit the model, `train` has no known length, or there is
            a run folder and no `val`.
        FloatingPointError: If the loss becomes NaN or infinite, in a run folder.

    Example:
        >>> history = fit(model, Recipe(epochs=10, mixup=0.2), data.epochs, data.val)
        >>> history = fit(model, recipe, data.epochs, data.val, run=create_run(recipe.to_dict()))
    """
    if run is not None and val is None:
        raise ValueError("`val` must be given with `run`: the best epoch is chosen by it.")
    images, val = prepared_for(model, recipe, train, val, input_range)
    compile_classifier(model, recipe, images.batches)
    callbacks = [*recipe_callbacks(recipe), *callbacks]
    if run is not None:
        return _as_history(fit_run(model, images, val, run, recipe.epochs, verbose, callbacks))
    return model.fit(
        images.since(0),
        validation_data=val,
        epochs=recipe.epochs,
        steps_per_epoch=images.batches,
        callbacks=callbacks,
        shuffle=False,  # The images come shuffled, and Keras warns that it cannot.
        verbose=verbose,
    )


def fit_run(
    model: keras.Model,
    train: Epochs | Any,
    val: Any,
    run: RunFolder,
    epochs: int,
    verbose: int | str = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    worker: Worker | None = None,
    score: Score = by_accuracy,
    saved_model: keras.Model | None = None,
) -> dict[str, list[float]]:
    """Returns the history of `model.fit` in a run folder, from which it continues after a kill.

    After each epoch its row is added to `run.results`, the model saved as `run.model` if its score
    is the highest so far, and the state of training saved to `run.resume`, see `Checkpoint`; the
    model of the last epoch is `run.last`. Where that folder holds a state, training resumes from
    there. With an `Epochs` for `train` the run then ends as an unbroken one would have; a dataset
    that shuffles by itself gives its images in the order of its first epochs again.

    Args:
        model: Compiled; with the metric "accuracy", where that is its score.
        train: `Epochs`, or a `tf.data.Dataset` of a known number of batches.
        val: `tf.data.Dataset` for what the best epoch is chosen by; None where a callback adds that
            to the logs.
        run: Where the files go.
        epochs: Passes over `train`, those before an interruption included.
        verbose: As in `model.fit`.
        callbacks: More callbacks for `model.fit`, the same when the run continues.
        worker: This process among several that train together, from `join_workers`; `train`, `val`
            and `run` are the same for all. The folder must be shared, and worker 0 writes it.
        score: Returns the score of an epoch from its logs. The default is validation accuracy, and
            of equal ones the loss.
        saved_model: What is saved as the best model, if it is not `model` but shares its weights.

    Returns:
        Columns of `run.results`; for other workers than the first, the epochs of this process.

    Raises:
        ValueError: If `train` has no known length, `run.resume` holds the state of another model,
            or a shard of images is corrupt.
        FloatingPointError: If the loss becomes NaN or infinite.
    """
    train, writes = as_epochs(train), worker is None or worker.index == 0
    if worker is not None:
        train, val = worker.share(train), worker.share_batches(val)
    best = KeepBest(run, writes, score, saved_model)
    others = [StopOnDivergence(), *callbacks, best]
    checkpoint = Checkpoint(run.resume, others, writes)
    finished = checkpoint.restore(model)
    best.settle(finished)
    if finished >= epochs or (finished and model.stop_training):  # By a callback, before a kill.
        return read_history(run.results)
    with _table(run, model, finished, writes) as table, corrupt_shards_named():
        settle = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, _: best.settle(epoch + 1)
        )
        fitted = model.fit(
            train.since(finished),
            validation_data=val,
            initial_epoch=finished,
            epochs=epochs,
            steps_per_epoch=train.batches,
            callbacks=[*others, *table, checkpoint, settle],
            shuffle=False,  # `train` shuffles, and Keras warns that it cannot.
            verbose=verbose if writes else 0,
        )
    if writes:
        return read_history(run.results)
    return {"epoch": [epoch + 1 for epoch in fitted.epoch], **fitted.history}


class KeepBest(keras.callbacks.Callback):
    """Saves the model whenever its score is higher than before, and after the last epoch.

    The model waits in `run.resume` until `settle` says that the state of the same epoch is saved: a
    kill in between leaves the one before in `run.model`, as the epoch will be trained again.

    Args:
        run: Where the model goes.
        writes: Whether this process writes it.
        score: Returns the score of an epoch from its logs.
        saved_model: The model to save; None is the one in training.
    """

    checkpointed = ("best",)

    def __init__(
        self,
        run: RunFolder,
        writes: bool = True,
        score: Score = by_accuracy,
        saved_model: keras.Model | None = None,
    ) -> None:
        super().__init__()
        self.run = run
        self.writes = writes
        self.score = score
        self.saved_model = saved_model
        self.best: tuple[float, ...] = ()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves the model if it is better, or the last."""
        score = self.score(logs or {})
        if score > self.best:
            self.best = score
            self._save(self.run.resume / f"best_{epoch + 1:04d}.keras")
        if epoch + 1 == self.params["epochs"] or self.model.stop_training:
            self._save(self.run.last)

    def _save(self, destination: Path) -> None:
        if self.writes:
            saved_model = self.model if self.saved_model is None else self.saved_model
            with outside_distribution(), replacing(destination) as path:
                saved_model.save(path)

    def settle(self, finished: int) -> None:
        """Moves a model of finished epochs to `run.model`, and removes one of a later epoch."""
        for path in self.run.resume.glob("*") if self.writes else ():
            match = _BEST.fullmatch(path.name)
            if match and int(match[1]) <= finished:
                path.replace(self.run.model)
            elif match:
                path.unlink()


def _as_history(columns: dict[str, list[float]]) -> keras.callbacks.History:
    history = keras.callbacks.History()
    history.epoch = [int(epoch) - 1 for epoch in columns["epoch"]]
    history.history = {name: values for name, values in columns.items() if name != "epoch"}
    return history


@contextlib.contextmanager
def _table(
    run: RunFolder, model: keras.Model, finished: int, writes: bool
) -> Iterator[list[keras.callbacks.Callback]]:
    """Gives the callbacks that add a row of each epoch to `run.results`."""
    if not writes:
        yield []
        return
    if finished:
        trim_history(run.results, finished)
    logger = EpochTable(run.results, append=finished > 0)
    try:
        yield [keras.callbacks.LambdaCallback(on_epoch_end=_log_rate(model)), logger]
    finally:
        logger.on_train_end()  # Closes the table, which Keras leaves open after an exception.


def _log_rate(model: keras.Model) -> Any:
    def add(epoch: int, logs: dict[str, float]) -> None:
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))

    return add
