"""Logs of a run for TensorBoard."""

import importlib.util

import keras

from keras_cv_course.training.run_folder import RunFolder


def tensorboard_logs(run: RunFolder) -> keras.callbacks.Callback:
    """Returns Keras' callback that logs to `run.logs`, which `tensorboard --logdir` shows.

    Raises:
        ValueError: If the package tensorboard is not installed.
    """
    check_tensorboard()
    return keras.callbacks.TensorBoard(str(run.logs))


def check_tensorboard() -> None:
    """Raises ValueError unless the package tensorboard is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ValueError(
            "Logs for TensorBoard need its package, which is not installed: "
            "`pip install 'keras-cv-course[tensorboard]'`, or leave out --tensorboard."
        )
