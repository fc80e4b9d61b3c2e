"""The description of a converted file, and whether its device takes it."""

from collections.abc import Sequence

import keras

from keras_cv_course.detectors.detections import suppression_of
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tflite.carried_spec import append_spec
from keras_cv_course.tflite.labels import append_labels
from keras_cv_course.tflite.metadata import (
    ClassifierMetadata,
    DetectorMetadata,
    EmbedderMetadata,
    OutputMetadata,
    SegmenterMetadata,
    add_metadata,
)
from keras_cv_course.tflite.target_check import find_problems
from keras_cv_course.tflite.targets import TARGETS

_RGB = 3


def described(
    data: bytes,
    model: keras.Model,
    metadata: OutputMetadata | None,
    class_names: Sequence[str] | None,
    target: str | None,
    spec: ModelSpec,
) -> bytes:
    """Returns a .tflite with its spec and class names, and with metadata where its device reads it.

    Args:
        data: The file that was made of `model`.
        model: The Keras model.
        metadata: What the outputs are; None chooses by their shapes if the device reads metadata.
        class_names: Names of the classes, where `metadata` does not have them.
        target: Name of the device, or None.
        spec: What the model carries.

    Raises:
        ValueError: If class names are given twice, or the range of the inputs is not known.
    """
    if metadata is not None and class_names:
        raise ValueError(
            "`class_names` must be None where `metadata` is given, which holds the labels. "
            f"Received: {len(class_names)} names and {type(metadata).__name__}."
        )
    if metadata is None and target is not None and TARGETS[target].wants_metadata:
        metadata = _metadata_of(model, class_names)
    if metadata is not None:
        if spec.input_range is None:
            raise ValueError(
                "`input_range` must be given, since MediaPipe reads it in the file. Received: "
                f"None, and {model.name!r} does not carry it. Pass e.g. input_range=(-1, 1)."
            )
        data = add_metadata(data, metadata, spec.input_range)
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
        lines = " ".join(f"{p.rule}: {p.finding}; {p.change}." for p in problems)
        raise ValueError(f'`model` must become a file that target="{target}" takes. {lines}')


def _ends_in_scores(model: keras.Model) -> bool:
    """Whether the output has an activation, so that the reader needs none to show scores."""
    last = model.outputs[0]._keras_history.operation
    activation = getattr(last, "activation", keras.activations.linear)
    return isinstance(last, keras.layers.Softmax) or activation is not keras.activations.linear


def _metadata_of(model: keras.Model, class_names: Sequence[str] | None) -> OutputMetadata | None:
    """Returns what a network of one RGB image does, by what it gives."""
    image = model.inputs[0]
    if len(model.inputs) != 1 or len(image.shape) != 4 or image.shape[-1] != _RGB:
        return None
    labels = tuple(class_names or ())
    if suppression_of(model) is not None:
        return DetectorMetadata(labels)
    if len(model.outputs) != 1:
        return None
    output = model.outputs[0]
    if len(output.shape) == 4:
        return SegmenterMetadata(labels, "none" if _ends_in_scores(model) else "softmax")
    if len(output.shape) == 2:
        return ClassifierMetadata(labels) if labels else EmbedderMetadata()
    return None
