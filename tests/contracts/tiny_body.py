"""A backbone that detectors can be built on in no time."""

import keras

from keras_cv_course.layers.batch_normalization import BatchNormalization


def tiny_body(input_shape, name=None):
    """A convolution for each stride of 2, up to 32, named as those of the package's networks."""
    x = image = keras.Input(input_shape)
    for stage in range(1, 6):
        prefix = f"stage{stage}_block1"
        conv = keras.layers.Conv2D(4 * stage, 3, 2, "same", use_bias=False, name=f"{prefix}_conv")
        x = BatchNormalization(momentum=0.9, name=f"{prefix}_bn")(conv(x))
        x = keras.layers.ReLU(6.0, name=f"{prefix}_relu")(x)
    return keras.Model(image, x, name=name)
