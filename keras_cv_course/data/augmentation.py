"""Makes a small set of pictures harder to learn by heart."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_cv_course.data.epochs import Epochs

_SHIFT = 0.1
_TURN = 0.025


def augmented(epochs: Epochs, seed: int = 0) -> Epochs:
    """Returns batches whose pictures are shifted by up to 10 % and turned by up to 9 degrees.

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


def face_distortion(
    input_range: tuple[float, float], strength: float = 1.0, seed: int = 0
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function that makes of faces others that could have been taken of them.

    Half are mirrored. At strength 1 they are shifted by up to 6 %, turned by up to 7 degrees and
    zoomed by up to 10 %, what moves in being the nearest pixel of the border; and lit otherwise,
    with up to 20 % more or less contrast and 10 % of the range more or less brightness.

    Args:
        input_range: Smallest and largest value of the pictures.
        strength: Factor of all but the mirror.
        seed: Decides the distortions, which are new in every call.

    Returns:
        A function of float32 pictures `(batch, height, width, channels)`, for `tf.data`'s `map`.

    Example:
        >>> distort = face_distortion((-1.0, 1.0))
        >>> encoder.fit(batches.map(lambda images, labels: (distort(images), labels)))
    """
    layers = keras.layers
    low, high = input_range
    shift, turn, zoom = (strength * share for share in (0.06, 0.02, 0.1))
    fill = {"fill_mode": "nearest"}
    geometry = keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=seed),
            layers.RandomTranslation(shift, shift, **fill, seed=seed + 1),
            layers.RandomRotation(turn, **fill, seed=seed + 2),
            layers.RandomZoom((-zoom, zoom), **fill, seed=seed + 3),
        ]
    )
    light = keras.Sequential(
        [
            layers.RandomContrast(0.2 * strength, value_range=(0.0, 1.0), seed=seed + 4),
            layers.RandomBrightness(0.1 * strength, value_range=(0.0, 1.0), seed=seed + 5),
        ]
    )

    def distort(images: tf.Tensor) -> tf.Tensor:
        shares = (geometry(images, training=True) - low) / (high - low)
        return tf.cast(light(shares, training=True), tf.float32) * (high - low) + low

    return distort
