"""Checks of files that need neither Keras nor TensorFlow, so that mistakes show at once."""

from pathlib import Path

from keras_cv_course.training.run_folder import RunFolder

_SUFFIXES = (".keras", ".h5", ".tflite")


def check_model_file(path: str, keras_only: bool = False) -> Path:
    """Returns the model file that a path names: itself, or the one in the folder of a run.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a model file, or a .tflite file where a Keras model is needed.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        run = RunFolder(file)
        if not run.model.is_file():
            raise FileNotFoundError(f"{file} is a folder, and holds no {run.model.name}.")
        file = run.model
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    if file.suffix not in _SUFFIXES:
        raise ValueError(
            f"{file} is not a saved model or a .tflite file: its name must end in "
            f"{', '.join(_SUFFIXES)}."
        )
    if keras_only and file.suffix == ".tflite":
        raise ValueError(f"A .keras model is needed here. Received: {file}.")
    return file
