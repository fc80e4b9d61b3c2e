"""The number of the class of the highest score, at the end of an exported network."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_cv_course")
class ClassNumbers(keras.layers.Layer):
    """Argmax over the last axis, int32; of equal scores the first.

    `keras.ops.argmax` looks for negative zeros with operations that TensorFlow Lite lacks, so that
    the TensorFlow backend's own is called, which becomes ARG_MAX.
    """

    def call(self, inputs: Any) -> Any:
        """Returns class numbers, without the axis of the classes."""
        if keras.backend.backend() != "tensorflow":
            return ops.argmax(inputs, axis=-1)
        import tensorflow as tf

        return tf.argmax(inputs, axis=-1, output_type=tf.int32)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Returns the shape and type of the output."""
        return keras.KerasTensor(inputs.shape[:-1], "int32")
