"""Which pixel values a model takes."""

import keras

from keras_cv_course._validation import check_input_range
from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.registry import MODELS

PIXELS = (0.0, 255.0)
_IMAGE_RANK = 4  # (batch, height, width, channels)


def takes_pixels(model: keras.Model) -> bool:
    """Whether a model rescales pixels of 0 to 255 itself, in its first layer or in a sub-model's.

    Args:
        model: Functional or Sequential model.
    """
    first = next((x for x in model.layers if not isinstance(x, keras.layers.InputLayer)), None)
    if isinstance(first, keras.Model):
        return takes_pixels(first)
    # Scales of 1/255 and 1/127.5, and nothing that could be meant for another range.
    return isinstance(first, keras.layers.Rescaling) and bool(
        keras.ops.all(keras.ops.abs(keras.ops.array(first.scale)) < 0.01)
    )


def known_input_range(model: keras.Model) -> tuple[float, float] | None:
    """Returns the smallest and largest value that a model takes, where something tells.

    That is a detector's spec, a Rescaling in front, or the name of one of our models.

    Args:
        model: Functional or Sequential model.
    """
    for layer in model.layers:
        if isinstance(layer, BoxCodes) and layer.spec.input_range is not None:
            return layer.spec.input_range
    if takes_pixels(model):
        return PIXELS
    return MODELS[model.name].input_range if model.name in MODELS else None


def pixel_range(
    model: keras.Model, given: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Returns the range of all inputs of a model; None unless it is given, or known of images.

    Args:
        model: Functional or built Sequential model.
        given: Smallest and largest value, which outrank what is known.

    Raises:
        ValueError: If `given` does not hold 0 or is empty.
    """
    if given is not None:
        check_input_range(given)
        return given
    images = all(len(x.shape) == _IMAGE_RANK for x in model.inputs)
    return known_input_range(model) if images else None
