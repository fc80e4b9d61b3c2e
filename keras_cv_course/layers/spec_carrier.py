"""The layer that takes a model's meaning along through saving, loading and graph passes."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_cv_course.specs.model_spec import ModelSpec


@keras.saving.register_keras_serializable(package="keras_cv_course")
class SpecCarrier(keras.layers.Layer):
    """Returns the images that it gets, and holds what must be known of the model.

    It follows a model's input, so that a model on some of its layers still knows which pixel
    values it takes. In a .tflite nothing is left of it.

    Attributes:
        spec: The `ModelSpec`; it may be set, and what is saved is the one of that moment.

    Args:
        spec: A `ModelSpec`, or its `to_dict`.
        **kwargs: As in `keras.layers.Layer`.
    """

    keeps_values = True

    def __init__(self, spec: ModelSpec | Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec if isinstance(spec, ModelSpec) else ModelSpec.from_dict(spec)

    def model_spec(self) -> ModelSpec:
        """Returns what is known of the model."""
        return self.spec

    def call(self, inputs: Any) -> Any:
        """Returns the images."""
        return keras.ops.convert_to_tensor(inputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the images."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"spec": self.spec.to_dict()}
