"""Everything that an interrupted training needs to continue as if nothing had happened."""

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.random.seed_generator import global_seed_generator

from keras_cv_course._atomic import replacing
from keras_cv_course._containers import check_archive
from keras_cv_course._reading import check_regular, parse_json

_NAME = re.compile(r"epoch_(\d+)\.npz")
_FACTS = "facts"
_FACT_KINDS = {"variables": list, "stopped": bool, "kinds": list, "callbacks": list}
_CHECKPOINTED: dict[type[keras.callbacks.Callback], tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("best", "best_epoch", "best_weights", "stopped_epoch", "wait"),
    keras.callbacks.ModelCheckpoint: ("best",),
    keras.callbacks.ReduceLROnPlateau: ("best", "cooldown_counter", "wait"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


class Checkpoint(keras.callbacks.Callback):
    """Saves the state of training after every epoch, in one file that is whole or not there.

    The state is that of the model (with all its seed generators), the optimizer (moments, averages,
    steps, loss scale), Keras' global seed generator and the other callbacks. A kill at any point,
    and a disk that runs full, leave the last epoch's file; then the epoch that was broken off is
    trained again. Where images depend on the epoch alone (`data.Epochs`) and the engine computes
    reproducibly, the weights end equal to the bit to those of an unbroken run.

    Of the callbacks, EarlyStopping, ReduceLROnPlateau, ModelCheckpoint and SwapEMAWeights have a
    state, and those that name it: attributes that hold numbers, arrays, or lists and tuples of
    them, in a class attribute `checkpointed = ("best", …)`. Give this callback to `fit` as the
    last one.

    Args:
        folder: Where the file goes; made where it is missing.
        callbacks: The other callbacks, in the order in which `fit` gets them.
        writes: Whether this process saves; one of several that train together does.

    Example:
        >>> stopping = keras.callbacks.EarlyStopping(patience=5)
        >>> saving = Checkpoint("state", [stopping])
        >>> epoch, batches = saving.restore(model), data.epochs.batches
        >>> train, callbacks = data.epochs.since(epoch), [stopping, saving]
        >>> model.fit(train, steps_per_epoch=batches, initial_epoch=epoch, callbacks=callbacks)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        callbacks: Sequence[keras.callbacks.Callback] = (),
        writes: bool = True,
    ) -> None:
        super().__init__()
        self.writes = writes
        self.folder = Path(folder)
        self.callbacks = tuple(callbacks)
        self._restored: list[dict[str, Any]] = []

    def restore(self, model: keras.Model) -> int:
        """Returns how many epochs are finished, with the state as it was after them.

        Call it before `fit`. Callbacks get their state back when `fit` has started them.

        Args:
            model: Built and compiled as it was in the run that continues.

        Raises:
            ValueError: If the file was saved with another model, optimizer or callbacks, or is not
                whole.
        """
        files = _files(self.folder)
        finished = max(files, default=0)
        if finished:
            arrays, facts = _read(files[finished])
            model.optimizer.build(model.trainable_variables)
            self._check(files[finished], model, facts)
            self._restored = self._unpacked(files[finished], arrays, facts)
            for name, variable in _variables(model):
                # NumPy does not know bfloat16 by name, and reads it as bytes.
                variable.assign(arrays[name].view(variable.dtype))
            model.stop_training = facts["stopped"]
        return finished

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Gives the callbacks the state that `restore` has read."""
        global_seed_generator()  # Workers must make variables together.
        for callback, state in zip(self.callbacks, self._restored, strict=bool(self._restored)):
            for name, value in state.items():
                setattr(callback, name, value)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves the state; the file of the epoch before is removed afterwards.

        Raises:
            OSError: If the file cannot be written. That of the epoch before is then still there.
        """
        if not self.writes:
            return
        older = _files(self.folder)
        path = self.folder / f"epoch_{epoch + 1:04d}.npz"
        arrays: dict[str, Any] = {
            name: _to_numpy(variable) for name, variable in _variables(self.model)
        }
        facts = {
            "variables": _description(self.model),
            "stopped": bool(self.model.stop_training),
            "kinds": self._kinds(),
            "callbacks": [_state(callback, arrays) for callback in self.callbacks],
        }
        arrays[_FACTS] = np.array(json.dumps(facts))
        try:
            with replacing(path) as temporary:
                np.savez(temporary, **arrays)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}: the state after epoch {epoch + 1} could not be saved. That of "
                f"epoch {max(older, default=0)} is complete: make room and continue the run "
                "(--resume)",
                str(path),
            ) from error
        for state in older.values():
            if state != path:
                state.unlink()

    def _check(self, path: Path, model: keras.Model, facts: dict[str, Any]) -> None:
        pairs = itertools.zip_longest(
            facts["variables"], _description(model), fillvalue=["nothing"]
        )
        for saved, present in pairs:
            if saved != present:
                raise ValueError(
                    f"`model` must be built and compiled as the run of {path} began. It has "
                    f"{' '.join(map(str, present))} instead of {' '.join(map(str, saved))}."
                )
        if facts["kinds"] != self._kinds():
            raise ValueError(
                f"`callbacks` must be those that the run of {path} began with, {facts['kinds']}. "
                f"Received: {self._kinds()}."
            )

    def _unpacked(
        self, path: Path, arrays: dict[str, np.ndarray], facts: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Returns the state of each callback; raises unless it has the attributes of its kind.

        Further attributes, which a callback had in an older version, are left out.
        """
        unpacked = []
        try:
            for callback, state in zip(self.callbacks, facts["callbacks"], strict=True):
                names = _attributes(callback)
                if not set(names) <= set(state):
                    raise ValueError(f"the state of {type(callback).__name__} is {list(state)}")
                unpacked.append({name: _unpack(state[name], arrays) for name in names})
            return unpacked
        # A state is a tree of JSON, which anything may be wrong with.
        except Exception as error:
            raise _not_whole(path, error) from error

    def _kinds(self) -> list[str]:
        return [type(callback).__name__ for callback in self.callbacks]


def _files(folder: Path) -> dict[int, Path]:
    """Returns the saved states by the number of epochs that they have finished."""
    matches = ((path, _NAME.fullmatch(path.name)) for path in folder.glob("*"))
    return {int(match[1]): path for path, match in matches if match}


def _variables(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Yields what changes in training, under names that are those of the file's arrays."""
    groups = {
        "model": model.variables,
        "optimizer": model.optimizer.variables,
        "random": [global_seed_generator().state],
    }
    for group, variables in groups.items():
        for i, variable in enumerate(variables):
            yield f"{group}/{i}", variable


def _description(model: keras.Model) -> list[list[Any]]:
    # Names are left out: Keras counts layers of a kind in the whole process.
    return [[name, str(v.dtype), list(v.shape)] for name, v in _variables(model)]


def _to_numpy(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the arrays and the facts of a saved state, which belong together."""
    try:
        check_archive(check_regular(path))
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = parse_json(str(arrays.pop(_FACTS)), "its list of facts")
        kinds = {name: type(facts[name]) for name in _FACT_KINDS}
        if kinds != _FACT_KINDS:
            raise ValueError(f"its facts are {kinds}")
        for name, kind, shape in facts["variables"]:
            if list(arrays[name].shape) != shape or not _is_stored(arrays[name], kind):
                raise ValueError(f"{name} is {arrays[name].dtype} {arrays[name].shape}")
            if name.startswith("model/") and not _is_finite(arrays[name], kind):
                raise ValueError(f"{name} holds NaN or infinity")
    # NumPy parses headers of arrays by Python's tokenizer, and zipfile by struct and zlib.
    except Exception as error:
        raise _not_whole(path, error) from error
    return arrays, facts


def _is_stored(array: np.ndarray, kind: str) -> bool:
    """Returns whether an array of a file can be a variable of a type, by its bytes or its name."""
    return str(array.dtype) == kind or (kind == "bfloat16" and array.dtype == "V2")


def _is_finite(array: np.ndarray, kind: str) -> bool:
    if kind == "bfloat16":  # Infinity and NaN have all bits of the exponent set.
        return not ((array.view(np.uint16) & 0x7F80) == 0x7F80).any()
    return bool(np.isfinite(array).all())


def _not_whole(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is not a complete training state: {error}. Remove it to start over.")


def _attributes(callback: keras.callbacks.Callback) -> tuple[str, ...]:
    """Returns the names of what is the state of a callback."""
    known = (names for kind, names in _CHECKPOINTED.items() if isinstance(callback, kind))
    return tuple(getattr(callback, "checkpointed", next(known, ())))


def _state(callback: keras.callbacks.Callback, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns a callback's counts by name; arrays among them are added to `arrays`."""
    return {name: _pack(getattr(callback, name), arrays) for name in _attributes(callback)}


def _pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Returns a value as JSON can hold it."""
    if isinstance(value, np.ndarray):
        name = f"callback/{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_pack(item, arrays) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()))
    if kind == "array":
        return arrays[content]
    sequence: Callable[[list[Any]], Any] = tuple if kind == "tuple" else list
    return sequence([_unpack(item, arrays) for item in content])
