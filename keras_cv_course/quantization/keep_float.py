"""The mark of what stays in float in a quantization-aware model."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_cv_course")
class KeepFloat(keras.layers.Layer):
    """Marks the output of a layer that stays in float; returns it unchanged."""

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        return inputs
