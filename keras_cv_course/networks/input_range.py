"""Whether a model takes pixels as they are."""

import keras

from keras_cv_course.layers.spec_carrier import SpecCarrier

PIXELS = (0.0, 255.0)
_NOT_FIRST = (keras.layers.InputLayer, SpecCarrier)


def takes_pixels(model: keras.Model) -> bool:
    """Whether a model rescales pixels of 0 to 255 itself, in its first layer or in a sub-model's.

    Args:
        model: Functional or Sequential model.
    """
    first = next((layer for layer in model.layers if not isinstance(layer, _NOT_FIRST)), None)
    if isinstance(first, keras.Model):
        return takes_pixels(first)
    # Scales of 1/255 and 1/127.5, and nothing that could be meant for another range.
    return isinstance(first, keras.layers.Rescaling) and bool(
        keras.ops.all(keras.ops.abs(keras.ops.array(first.scale)) < 0.01)
    )
