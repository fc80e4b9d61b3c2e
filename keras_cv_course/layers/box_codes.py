"""The layer on a detector's box codes that records how to decode them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_cv_course.specs.detection import TASK, DetectionSpec
from keras_cv_course.specs.model_spec import ModelSpec


@keras.saving.register_keras_serializable(package="keras_cv_course")
class BoxCodes(keras.layers.Layer):
    """Returns the box codes (n, anchors, 4) that it gets, and holds what they mean.

    It is at the end of a detector, so that anchors and coding are saved with the network, and
    survive every rewriting of its graph. In a .tflite nothing is left of it.

    Args:
        spec: A `DetectionSpec`, or its `to_dict`.
        **kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: If the codes are not those of the spec's anchors.
    """

    def __init__(self, spec: DetectionSpec | Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec if isinstance(spec, DetectionSpec) else DetectionSpec.from_dict(spec)

    def model_spec(self) -> ModelSpec:
        """Returns what is known of the model by its boxes."""
        return ModelSpec(task=TASK, input_range=self.spec.input_range, outputs=("boxes", "classes"))

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Checks the number of codes."""
        if tuple(input_shape[1:]) != (self.spec.count, 4):
            raise ValueError(
                f"The input of {self.name!r} must have one code of 4 numbers for each of its "
                f"{self.spec.count} anchors. Received: {tuple(input_shape)}."
            )

    def call(self, inputs: Any) -> Any:
        """Returns the codes."""
        return keras.ops.convert_to_tensor(inputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the codes."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"spec": self.spec.to_dict()}
