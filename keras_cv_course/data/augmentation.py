"""Changes of images that keep what they show."""

from typing import Any

import keras
import tensorflow as tf

from keras_cv_course.data.epochs import Epochs

_SHIFT = 0.1
_TURN = 0.025


def augmented(epochs: Epochs, seed: int = 0) -> Epochs:
    """Returns batches whose images are shifted by up to 10 % and turned by up to 9 degrees.

    Nothing is mirrored, because digits and letters would not survive it. What moves in is the
    nearest pixel of the border.

    Args:
        epochs: Batches of `(images, labels)`, float32 `(batch, height, width, channels)`.
        seed: Decides the shifts and turns, which are new in every epoch.

    Example:
        >>> model.fit(augmented(data.epochs).passes(), validation_data=data.val)
    """
    layers = (
        keras.layers.RandomTranslation(_SHIFT, _SHIFT, fill_mode="nearest", dtype="float32"),
        keras.layers.RandomRotation(_TURN, fill_mode="nearest", dtype="float32"),
    )

    def distort(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in layers:
            images = layer(images, training=True)
        return images, labels

    return epochs.map_random(distort, layers, seed)


def colour_jitter(**options: Any) -> keras.layers.Layer:
    """Returns Keras' layer that changes brightness, contrast, saturation and hue a little.

    It takes pixels of 0 to 255.

    Args:
        **options: Further arguments of `keras.layers.RandomColorJitter`, e.g. `seed`.
    """
    return keras.layers.RandomColorJitter(
        (0, 255),
        brightness_factor=0.15,
        contrast_factor=0.3,
        saturation_factor=(0.35, 0.65),
        hue_factor=0.03,
        **options,
    )
