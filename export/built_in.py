"""The model that the programs of this folder take: a saved one, or one trained on the spot."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_cv_course import MobileNetV2, load_model
from keras_cv_course.data import as_arrays, calibration_array, digits
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.training import Recipe, create_run, fit

_SHAPE = (48, 48, 3)
_RECIPE = Recipe(epochs=8, learning_rate=3e-3)
# The family's own 0.999 leaves the statistics unsettled after a few hundred steps.
_BATCH_NORM_MOMENTUM = 0.9
_IMAGES = 200


@dataclass(frozen=True)
class Opened:
    """A trained classifier, and what is needed to export it.

    Attributes:
        model: The classifier.
        images: Typical images in the model's own range, float32 `(n, height, width, channels)`.
        class_names: Name of each class, or None where they are unknown.
        input_range: Smallest and largest value that the model takes.
    """

    model: keras.Model
    images: np.ndarray
    class_names: tuple[str, ...] | None
    input_range: tuple[float, float]


def open_model(
    path: Path | None,
    images: Path | None = None,
    input_range: Sequence[float] | None = None,
    labels: Path | None = None,
) -> Opened:
    """Returns the model of a file, or without one a MobileNetV2 trained on digits for a minute.

    Args:
        path: A .keras file of a classifier that takes one image, or None.
        images: Folder of typical images; must be given with `path`, and only with it.
        input_range: Smallest and largest value that the model takes. None asks the model, and
            is (-1, 1) where it does not record one.
        labels: Text file with the name of a class a line, in the order of the outputs.

    Raises:
        ValueError: If `path` comes without `images` or the other way round, the file is not a
            model with one image of known size as its input, the names are not one for each
            class, or the images cannot be read.
        FileNotFoundError: If `images` or `labels` does not exist.
    """
    if path is None:
        if images is not None or labels is not None or input_range is not None:
            raise ValueError(
                "`images`, `labels` and `input_range` describe a model of your own: name its "
                "file, or leave them away to use the built-in model."
            )
        return _train_on_digits()
    if images is None:
        raise ValueError(
            f"{path} needs `images`, a folder of about 100 typical images: the ranges of its "
            "activations are measured on them."
        )
    model = load_model(path)
    low, high = input_range or spec_of(model).input_range or (-1.0, 1.0)
    array = calibration_array(images, _image_shape(model, path), (low, high), _IMAGES)
    return Opened(model, array, _names(labels, model), (low, high))


def _train_on_digits() -> Opened:
    keras.utils.set_random_seed(0)
    data = digits(_SHAPE, batch_size=32)
    model = MobileNetV2(
        _SHAPE,
        alpha=0.35,
        classes=len(data.class_names),
        batch_norm_momentum=_BATCH_NORM_MOMENTUM,
        name="digits",
    )
    with tempfile.TemporaryDirectory() as folder:
        run = create_run({}, folder)
        fit(model, _RECIPE, data.train, data.val, verbose=0, run=run)
        best = load_model(run.model)
    held_out = data.test or data.val
    images, _ = as_arrays(held_out)
    return Opened(best, images[:_IMAGES], data.class_names, data.input_range)


def _image_shape(model: keras.Model, path: Path) -> tuple[int, int, int]:
    shapes = [tuple(x.shape[1:]) for x in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or None in shapes[0]:
        raise ValueError(
            f"{path} must take one image of known size, (height, width, channels). "
            f"Its inputs are {shapes}."
        )
    height, width, channels = shapes[0]
    return height, width, channels


def _names(labels: Path | None, model: keras.Model) -> tuple[str, ...] | None:
    if labels is None:
        return None
    names = tuple(labels.read_text(encoding="utf-8").splitlines())
    classes = model.outputs[0].shape[-1]
    if len(names) != classes:
        raise ValueError(
            f"{labels} must hold one name a line for each of the {classes} classes. "
            f"Received: {len(names)} lines."
        )
    return names
