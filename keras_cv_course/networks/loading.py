"""Loads saved models in a process that has imported nothing else of this package."""

import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_cv_course.registry import import_serializable

_SUFFIXES = (".keras", ".h5")


def load_model(path: str | os.PathLike[str], **kwargs: Any) -> keras.Model:
    """Returns a saved model, with its weights.

    `keras.saving.load_model` does the same once any public object of this package was imported.

    Args:
        path: A .keras or .h5 file of a whole model.
        **kwargs: Further arguments of `keras.saving.load_model`, e.g. `compile=False`.

    Raises:
        ValueError: If there is no such file, its name ends otherwise, or it is not one of a whole
            model.

    Example:
        >>> model = load_model("runs/digits/model.keras")
    """
    import_serializable()
    path = Path(path)
    if not path.exists():
        raise ValueError(f"`path` must name a saved model. There is no such file: {path}.")
    if path.suffix not in _SUFFIXES:
        raise ValueError(f"{path} is not a saved model, a {' or '.join(_SUFFIXES)} file.")
    try:
        return keras.saving.load_model(path, **kwargs)
    # What h5py, zipfile and Keras raise for files that are corrupt or of another kind.
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a saved model that Keras can load: {error} "
            "A whole model is saved with `model.save('name.keras')`; weights alone are read with "
            "`model.load_weights(path)`."
        ) from error
