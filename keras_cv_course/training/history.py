"""The table of a run's epochs, `results.csv`, whose epochs count from 1."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras

from keras_cv_course._atomic import write_atomic
from keras_cv_course._reading import read_text
from keras_cv_course._validation import shortened

# Returns the score of an epoch from its row: larger is better, the first number counts most.
Score = Callable[[Mapping[str, float]], tuple[float, ...]]


class EpochTable(keras.callbacks.CSVLogger):
    """Writes a row for each epoch, counted from 1 as in Keras' progress and in plots.

    Args:
        path: The table.
        append: Whether rows are added to those that are there.
    """

    def __init__(self, path: Path, append: bool) -> None:
        super().__init__(str(path), append=append)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the row of an epoch."""
        super().on_epoch_end(epoch + 1, logs)


def read_history(path: Path) -> dict[str, list[float]]:
    """Returns the columns of a table of epochs by name; "epoch" counts from 1.

    A last line that a kill left unfinished is not read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else than numbers under names.
    """
    names, rows = _read(path)
    try:
        numbers = [[float(value) for value in row] for row in rows]
    except ValueError as error:
        text = shortened(str(error))
        raise ValueError(f"{path} must hold one line of numbers for each epoch: {text}") from error
    return {name: [row[i] for row in numbers] for i, name in enumerate(names)}


def by_accuracy(row: Mapping[str, float]) -> tuple[float, ...]:
    """Returns the score of an epoch by which classifiers are kept: accuracy, then the loss."""
    return (float(row["val_accuracy"]), -float(row["val_loss"]))


def best_row(history: Mapping[str, Sequence[float]], score: Score = by_accuracy) -> int:
    """Returns the row of the epoch of the highest score, of equal ones the first.

    Raises:
        ValueError: If there is no epoch.
    """
    rows = zip(*history.values(), strict=True)
    scores = [score(dict(zip(history, row, strict=True))) for row in rows]
    return scores.index(max(scores))


def trim_history(path: Path, epochs: int) -> None:
    """Removes from a table all but the first `epochs` epochs, in one step."""
    names, rows = _read(path)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows(rows[:epochs])
    write_atomic(path, file.getvalue())


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    text = read_text(path)
    whole = text[: text.rfind("\n") + 1]
    try:
        lines = list(csv.reader(io.StringIO(whole)))
    except csv.Error as error:
        raise ValueError(f"{path} is not a table of epochs: {error}.") from error
    names = lines[0] if lines else ["epoch"]
    if names[:1] != ["epoch"] or any(len(line) != len(names) for line in lines):
        raise ValueError(f"{path} is not a table of epochs.")
    rows = lines[1:]
    if rows and rows[0][0] == "0":  # Tables of version 0.1.0 count from 0.
        rows = [[str(number), *row[1:]] for number, row in enumerate(rows, 1)]
    return names, rows
