"""What a converted file tells of itself, and whether its device takes it."""

from collections.abc import Sequence

import keras

from keras_cv_course.detectors.detections import split_detections
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tflite.carried_spec import append_spec
from keras_cv_course.tflite.labels import append_labels
from keras_cv_course.tflite.metadata import (
    Classifier,
    Detector,
    Embedder,
    Segmenter,
    Task,
    add_metadata,
)
from keras_cv_course.tflite.target_check import find_problems
from keras_cv_course.tflite.targets import TARGETS

_RGB = 3


def described(
    data: bytes,
    model: keras.Model,
    task: Task | None,
    class_names: Sequence[str] | None,
    target: str | None,
    spec: ModelSpec,
) -> bytes:
    """Returns a .tflite with its spec and class names, and with metadata where its device reads it.

    Args:
        data: The file that was made of `model`.
        model: The Keras model.
        task: What the network does; None tells it from the shapes if the device reads metadata.
        class_names: Names of the classes, where `task` does not have them.
        target: Name of the device, or None.
        spec: What the model carries.

    Raises:
        ValueError: If class names are given twice, or the range of the inputs is not known.
    """
    if task is not None and class_names:
        raise ValueError(
            "`class_names` must be None where `task` is given, which holds the labels. Received: "
            f"{len(class_names)} names and {type(task).__name__}."
        )
    if task is None and target is not None and TARGETS[target].wants_metadata:
        task = _task_of(model, class_names)
    if task is not None:
        if spec.input_range is None:
            raise ValueError(
                "`input_range` must be given, since MediaPipe reads it in the file. Received: "
                f"None, and {model.name!r} does not carry it. Pass e.g. input_range=(-1, 1)."
            )
        data = add_metadata(data, task, spec.input_range)
    elif class_names:
        data = append_labels(data, class_names)
    return append_spec(data, spec)


def check_target(data: bytes, target: str | None) -> None:
    """Raises ValueError if a device does not take a .tflite.

    Args:
        data: The file.
        target: Name of the device; None takes every file.
    """
    problems = () if target is None else find_problems(data, TARGETS[target])
    if problems:
        found = " ".join(f"{p.rule}: {p.found}; {p.change}." for p in problems)
        raise ValueError(f'`model` must become a file that target="{target}" takes. {found}')


def _task_of(model: keras.Model, class_names: Sequence[str] | None) -> Task | None:
    """Returns what a network of one RGB picture does, by what it gives."""
    image = model.inputs[0]
    if len(model.inputs) != 1 or len(image.shape) != 4 or image.shape[-1] != _RGB:
        return None
    labels = tuple(class_names or ())
    if split_detections(model)[1] is not None:
        return Detector(labels)
    if len(model.outputs) != 1:
        return None
    output = model.outputs[0]
    if len(output.shape) == 4:
        return Segmenter(labels)
    if len(output.shape) == 2:
        return Classifier(labels) if labels else Embedder()
    return None
