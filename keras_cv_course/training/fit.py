"""Trains a classifier so that the best epoch is kept and a killed run can go on."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_cv_course._validation import check_positive
from keras_cv_course.training.atomic import replacing
from keras_cv_course.training.history import best_row, read_history, trim_history
from keras_cv_course.training.run_folder import RunFolder

_STATE = re.compile(r"epoch_(\d+)\.weights\.h5")


def fit_classifier(
    model: keras.Model,
    train: Any,
    val: Any,
    run: RunFolder,
    epochs: int,
    learning_rate: float,
    verbose: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Returns loss and accuracy of every epoch; the best model is then in `run.model`.

    Compiles with Adam, whose rate rises to `learning_rate` over the first epoch and then falls to
    zero along half a cosine, and calls `model.fit`. After each epoch its row is added to
    `run.results`, the model saved if its validation accuracy is the highest so far (of equal ones
    the loss decides), and the state of training saved to `run.resume`. Where that folder holds a
    state, training goes on from there. Weights and optimizer are then as they were, but pictures
    come in the order of the first epochs, so that the result is not that of an unbroken run.

    Args:
        model: Gives probabilities `(batch, classes)`.
        train: `tf.data.Dataset` of a known number of batches of (pictures, labels as numbers).
        val: The same for what the best epoch is chosen by.
        run: Where the files go.
        epochs: Passes over `train`, those before an interruption included.
        learning_rate: Highest rate.
        verbose: As in `model.fit`: 0 is silent, 1 shows a progress bar, 2 a line for each epoch.
        callbacks: More callbacks for `model.fit`.

    Returns:
        Columns of `run.results`: "epoch", "loss", "accuracy", "val_loss", "val_accuracy" and
        "learning_rate", the latter at the end of the epoch.

    Raises:
        ValueError: If `epochs` or `learning_rate` is not positive, or `train` has no known length.
    """
    check_positive("epochs", epochs)
    check_positive("learning_rate", learning_rate)
    steps = int(train.cardinality())
    if steps < 1:
        raise ValueError(
            "`train` must have a known number of batches. Set it with `train.apply("
            "tf.data.experimental.assert_cardinality(n))`."
        )
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(steps * (epochs - 1), 1), warmup_target=learning_rate, warmup_steps=steps
    )
    optimizer = keras.optimizers.Adam(schedule)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    finished = _restore(model, run)
    logger = keras.callbacks.CSVLogger(str(run.results), append=finished > 0)
    ours = [
        keras.callbacks.LambdaCallback(on_epoch_end=_log_rate(optimizer)),
        logger,
        KeepBest(run),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: _save_state(model, run.resume, epoch + 1)
        ),
    ]
    if finished < epochs:
        try:
            model.fit(
                train,
                validation_data=val,
                initial_epoch=finished,
                epochs=epochs,
                callbacks=[*callbacks, *ours],
                shuffle=False,  # The dataset shuffles, and Keras warns that it cannot.
                verbose=verbose,
            )
        finally:
            logger.on_train_end()  # Closes the table, which Keras leaves open after an exception.
    return read_history(run.results)


class KeepBest(keras.callbacks.Callback):
    """Saves the model to `run.model` whenever it is better on the validation data than before.

    Better is a higher `val_accuracy`, or the same with a lower `val_loss`. Epochs that are in
    `run.results` when training begins count. A kill while saving leaves the model before.

    Args:
        run: Where the model goes.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self.run = run
        self.best: tuple[float, float] | None = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Looks up the best epoch of the run so far."""
        # The logger has created the table; it is empty where the run starts.
        history = read_history(self.run.results)
        if history["epoch"]:
            row = best_row(history)
            self.best = (history["val_accuracy"][row], -history["val_loss"][row])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves the model if it is better."""
        logs = logs or {}
        score = (float(logs["val_accuracy"]), -float(logs["val_loss"]))
        if self.best is None or score > self.best:
            self.best = score
            with replacing(self.run.model) as path:
                self.model.save(path)


def _log_rate(optimizer: keras.optimizers.Optimizer) -> Any:
    def add(epoch: int, logs: dict[str, float]) -> None:
        logs["learning_rate"] = float(optimizer.learning_rate)

    return add


def _states(folder: Path) -> dict[int, Path]:
    """Returns the saved states by the number of epochs that they have finished."""
    matches = ((path, _STATE.fullmatch(path.name)) for path in folder.glob("*"))
    return {int(match[1]): path for path, match in matches if match}


def _save_state(model: keras.Model, folder: Path, finished: int) -> None:
    older = _states(folder)
    with replacing(folder / f"epoch_{finished:04d}.weights.h5") as path:
        model.save_weights(path)
    for state in older.values():
        state.unlink()


def _restore(model: keras.Model, run: RunFolder) -> int:
    """Returns the number of finished epochs, with the model and the table as they were then."""
    states = _states(run.resume)
    finished = max(states, default=0)
    if finished:
        model.optimizer.build(model.trainable_variables)
        model.load_weights(states[finished])
        trim_history(run.results, finished)
    return finished
