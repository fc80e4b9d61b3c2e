"""Losses, weights and metrics of the tasks, as `compile` takes them.

Labels are a dict of float32 arrays by output, as plain Keras takes them; a label that is not
known is NaN, and every output needs its array. Losses and metrics leave NaN out, so that images
of data sets which were labelled for different tasks can be in one batch:

    labels = {"smile": [[1.0], [nan]], "age": [[nan], [34.0]]}
    model.compile("adam", **compile_arguments((Smile(), Age())))
    model.fit(images, labels)

An image without a label of a task has exactly no influence on the task's head. `data.labelled`
makes such batches of several sets. `sample_weight` of Keras works as ever, and is not needed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_cv_course.faces.tasks import Age, FaceTask, checked_tasks
from keras_cv_course.losses.age import AgeLoss
from keras_cv_course.losses.landmarks import LandmarkLoss
from keras_cv_course.losses.masked import MaskedLoss
from keras_cv_course.metrics.age import AgeError
from keras_cv_course.metrics.masked import MaskedMetric

_Loss = Callable[[], keras.losses.Loss]
_Metric = Callable[[], keras.metrics.Metric]

_BINARY: tuple[_Loss, _Metric] = (
    keras.losses.BinaryCrossentropy,
    lambda: keras.metrics.BinaryAccuracy(name="accuracy"),
)
# Loss and metric of each output but age, whose loss has settings.
_TABLE: dict[str, tuple[_Loss, _Metric]] = {
    "detection": _BINARY,
    "smile": _BINARY,  # L_S
    "gender": _BINARY,  # L_G
    "landmarks": (LandmarkLoss, lambda: keras.metrics.MeanAbsoluteError(name="error")),
    "visibility": (
        keras.losses.MeanSquaredError,
        lambda: keras.metrics.MeanAbsoluteError(name="error"),
    ),
    "pose": (
        keras.losses.MeanSquaredError,
        lambda: keras.metrics.MeanAbsoluteError(name="error_degrees"),
    ),
    "identity": (  # L_R
        lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        lambda: keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
    ),
}


def compile_arguments(tasks: Sequence[FaceTask]) -> dict[str, dict[str, Any]]:
    """Returns `loss`, `loss_weights` and `metrics` for `compile` of a multitask network.

    Each loss is a mean over the labelled images of a batch, 0 where there is none. Binary tasks
    (detection, smile, gender) have cross-entropy, points `LandmarkLoss`, visibility and pose mean
    squared errors, age `AgeLoss`, identity cross-entropy of logits. The default weights make the
    losses about equally large at the start; they are ours, not the paper's.

    Args:
        tasks: The tasks of the network.

    Raises:
        TypeError: If one of them is not a task.
        ValueError: If there is none, or one twice.

    Example:
        >>> arguments = compile_arguments((Smile(), Age(loss_weight=0.01)))
        >>> model.compile("adam", **arguments)
        >>> raise_lambda = AgeLossSchedule(age_loss(arguments), lambda epoch: epoch / 20)
        >>> model.fit(batches, epochs=20, callbacks=[raise_lambda])
    """
    losses, weights, metrics = {}, {}, {}
    for task in checked_tasks(tasks):
        for output in task.outputs():
            if isinstance(task, Age):
                loss: keras.losses.Loss = AgeLoss(task.gaussian_share, task.sigma)
                metric: keras.metrics.Metric = AgeError()
            else:
                new_loss, new_metric = _TABLE[output.name]
                loss, metric = new_loss(), new_metric()
            losses[output.name] = MaskedLoss(loss)
            weights[output.name] = output.loss_weight
            metrics[output.name] = [MaskedMetric(metric)]
    return {"loss": losses, "loss_weights": weights, "metrics": metrics}


def age_loss(arguments: dict[str, dict[str, Any]]) -> AgeLoss:
    """Returns the age loss of `compile_arguments`, whose lambda a callback may raise.

    Args:
        arguments: What `compile_arguments` has returned.

    Raises:
        ValueError: If age is not among the tasks.
    """
    masked = arguments["loss"].get("age")
    if masked is None:
        raise ValueError(
            f"`arguments` must be of tasks with Age(). Received those of {list(arguments['loss'])}."
        )
    return masked.loss
