"""Batch normalization that trains on TensorFlow's fused kernel."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_cv_course")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, with the training step of a feature map in one kernel.

    Keras 3 composes batch normalization of a dozen operations, which on a CPU is a third of the
    training step of a mobile network. On the TensorFlow backend, a feature map
    `(batch, height, width, channels)` is normalized by the fused kernel instead; whatever that
    kernel lacks (a mask, renormalization, statistics over several devices, another axis), and all
    of inference, is Keras' own. Weights, configuration and results are those of Keras.

    Reference:
        Batch Normalization, arXiv:1502.03167, algorithm 1.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Returns normalized inputs of the same shape; in training, moves the statistics."""
        if not (training and mask is None and self._has_kernel(inputs)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        x = ops.cast(inputs, "float32")
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=self.gamma,
            offset=self.beta,
            mean=(),
            variance=(),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel returns the variance of a sample, Keras keeps that of a population.
        count = tf.cast(tf.size(x) / tf.size(mean), "float32")
        variance *= (count - 1.0) / count
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return ops.cast(y, self.compute_dtype)

    def _has_kernel(self, inputs: Any) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and self.variable_dtype == "float32"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.trainable
            and self.scale
            and self.center
            and not (self.renorm or self.synchronized)
        )

    def _move(self, average: keras.Variable, value: Any) -> None:
        average.assign(average * self.momentum + value * (1.0 - self.momentum))
