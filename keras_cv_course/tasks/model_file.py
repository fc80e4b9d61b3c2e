"""Which model file a path names, checked without Keras, so that mistakes show at once."""

import os
from pathlib import Path

from keras_cv_course.training.run_folder import RunFolder

TFLITE = ".tflite"
_SUFFIXES = (".keras", ".h5", ".hdf5", TFLITE)


def model_file(path: str | os.PathLike[str], keras_only: bool = False) -> Path:
    """Returns the model file that a path names: itself, or the best model of a run folder.

    Args:
        path: A .keras, .h5 or .tflite file, or a run folder.
        keras_only: Whether a .tflite file is refused.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a model file, or a .tflite file and those are refused.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        run = RunFolder(file)
        if not run.model.is_file():
            raise FileNotFoundError(f"{file} is a folder, and holds no {run.model.name}.")
        file = run.model
    if not file.is_file():
        raise FileNotFoundError(_missing(file))
    if file.suffix not in _SUFFIXES:
        raise ValueError(
            f"{file} is not a saved model or a .tflite file: its name must end in "
            f"{', '.join(_SUFFIXES)}."
        )
    if keras_only and file.suffix == TFLITE:
        raise ValueError(f"A .keras model is needed here. Received: {file}.")
    return file


def _missing(file: Path) -> str:
    if file.suffix:
        return f"There is no file {file}."
    runs = sorted(path.parent.name for path in file.parent.glob("*/args.yaml"))
    known = f" The runs in {file.parent} are {', '.join(runs)}." if runs else ""
    return f"There is no run folder {file}, and no file of that name.{known}"
