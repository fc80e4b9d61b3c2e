"""Loads saved models in a process that has imported nothing else of this package."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras.src.backend.common.global_state import get_global_attribute

from keras_cv_course._containers import check_archive, check_hdf5, most_unpacked, read_member
from keras_cv_course._reading import parse_json
from keras_cv_course.networks._described_size import check_calls, check_described
from keras_cv_course.registry import import_serializable

_SUFFIXES = (".keras", ".h5")
_WEIGHTS = "model.weights.h5"
_LONGEST_REASON = 2000  # Keras shows the whole configuration of a layer.
_CONFIG = "config.json"
_MOST_CONFIG_BYTES = 32 * 2**20  # of JSON, which takes ten times that as Python's objects


def load_model(path: str | os.PathLike[str], **kwargs: Any) -> keras.Model:
    """Returns a saved model, with its weights.

    `keras.saving.load_model` does the same once any public object of this package was imported,
    but believes the file: this function refuses one that unpacks to far more than its size,
    describes a network far larger than the weights that it holds, takes weights from other files,
    or has weights that are not finite. No code in a file is run, unless you ask for it by
    `safe_mode=False`.

    Args:
        path: A .keras or .h5 file of a whole model.
        **kwargs: Further arguments of `keras.saving.load_model`, e.g. `compile=False`.

    Raises:
        ValueError: If there is no such file, its name ends otherwise, or it is not one of a whole
            model that is safe and sound.

    Example:
        >>> model = load_model("runs/digits/model.keras")
    """
    import_serializable()
    path = Path(path)
    if not path.exists():
        raise ValueError(f"`path` must name a saved model. There is no such file: {path}.")
    if path.suffix not in _SUFFIXES:
        raise ValueError(f"{path} is not a saved model, a {' or '.join(_SUFFIXES)} file.")
    if not path.is_file():
        raise ValueError(f"{path} is not a saved model: it is not a regular file.")
    try:
        _check_limits(path, kwargs)
        model = keras.saving.load_model(path, **kwargs)
        _check_finite(model)
    except RecursionError as error:
        raise ValueError(
            f"{path} is not a saved model: its configuration is nested too deeply."
        ) from error
    # What h5py, zipfile and Keras raise for files that are corrupt or of another kind is not
    # limited to a few classes.
    except Exception as error:
        raise ValueError(
            f"{path} is not a saved model that Keras can load. A whole model is saved with "
            "`model.save('name.keras')`; weights alone are read with "
            f"`model.load_weights(path)`. Keras said: {str(error)[:_LONGEST_REASON]}"
        ) from error
    return model


def _check_limits(path: Path, options: dict[str, Any]) -> None:
    """Raises ValueError if a file refers to others, or would take far more memory than its size."""
    size = path.stat().st_size
    options = {**options, "compile": False, "custom_objects": _custom_objects(options)}
    if path.suffix == ".h5":  # As Keras decides: a file can be both.
        with h5py.File(path, "r") as file:
            stored = check_hdf5(file, size)
            check_calls(parse_json(file.attrs.get("model_config", "{}"), "its configuration"))
        check_described(lambda: keras.saving.load_model(path, **options), stored)
        return
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        if _WEIGHTS not in archive.namelist():
            raise ValueError(f"there is no {_WEIGHTS} in it.")
        weights = io.BytesIO(read_member(archive, _WEIGHTS, most_unpacked(size)))
        text = read_member(archive, _CONFIG, _MOST_CONFIG_BYTES)
    with h5py.File(weights, "r") as file:
        stored = check_hdf5(file, size)
    config = parse_json(text, "its configuration")
    check_calls(config)
    if not isinstance(config, dict):
        raise ValueError("its configuration is no mapping.")
    config["compile_config"] = None
    options.pop("compile")
    check_described(lambda: keras.saving.deserialize_keras_object(config, **options), stored)


def _custom_objects(options: dict[str, Any]) -> dict[str, Any]:
    """Returns what the caller registers, also by a scope, which another thread does not see."""
    scope = get_global_attribute("custom_objects_scope_dict", {})
    return {**scope, **(options.get("custom_objects") or {})}


def _check_finite(model: keras.Model) -> None:
    for variable in model.weights:
        value = keras.ops.convert_to_numpy(variable)
        if "float" in str(value.dtype) and not np.isfinite(value).all():
            raise ValueError(f"its weight {variable.path} holds NaN or infinity.")
