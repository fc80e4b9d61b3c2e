"""From the raw outputs of any detector to codes and scores that one decoder takes."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_cv_course.ops.box_coding import postprocess_codes, postprocess_scales, yolo_offsets
from keras_cv_course.specs.detection import DetectionSpec

# No box is smaller than this part of the image's area, so that the logarithm is finite.
_LEAST_SIZE = 1e-6


@keras.saving.register_keras_serializable(package="keras_cv_course")
class HeadDecoding(keras.layers.Layer):
    """Turns the raw outputs of any detector into the inputs of `DetectionPostProcess`.

    Called on a dict of "boxes" `(n, anchors, 4)`, "classes" `(n, anchors, logits)` and, where the
    spec has it, "objectness" `(n, anchors, 1)`, it returns float32 codes `(n, anchors, 4)`, (y, x,
    height, width) relative to the anchors, and scores `(n, anchors, classes)` in [0, 1].

    Args:
        spec: A `DetectionSpec`, or its `to_dict`: what the raw outputs mean.
        **kwargs: As in `keras.layers.Layer`.
    """

    # The codes of boxes need more than 8 bits, and a quantizer would split the scores from them.
    float_island = True
    converts_alone = True

    def __init__(self, spec: DetectionSpec | Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.spec = spec if isinstance(spec, DetectionSpec) else DetectionSpec.from_dict(spec)

    @property
    def scales(self) -> tuple[float, ...]:
        """Divisors of the codes' (x, y, width, height), for `DetectionPostProcess`."""
        return postprocess_scales(self.spec.variances)

    def call(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Returns codes and scores, see the class."""
        heads = {name: ops.cast(x, "float32") for name, x in inputs.items()}
        codes = postprocess_codes(_CODES[self.spec.coding](heads["boxes"], self.spec))
        return [codes, _SCORES[self.spec.scores](heads)]

    def compute_output_shape(
        self, input_shape: Mapping[str, tuple[int | None, ...]]
    ) -> list[tuple[int | None, ...]]:
        """Returns the shapes of codes and scores."""
        batch, count, _ = input_shape["boxes"]
        return [(batch, count, 4), (batch, count, self.spec.classes)]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"spec": self.spec.to_dict()}


def _center(codes: Any, spec: DetectionSpec) -> Any:
    return codes


def _cell(codes: Any, spec: DetectionSpec) -> Any:
    return yolo_offsets(codes, spec.anchors(), spec.strides())


def _square(codes: Any, spec: DetectionSpec) -> Any:
    anchors = spec.anchors()
    cells = spec.strides() / (anchors[:, 2:] - anchors[:, :2])
    centers = (codes[..., :2] - 0.5) * cells
    sizes = ops.log(ops.maximum(ops.square(codes[..., 2:]), _LEAST_SIZE))
    return ops.concatenate([centers, sizes], axis=-1)


_CODES = {"center": _center, "cell": _cell, "square": _square}
_SCORES = {
    "softmax": lambda heads: ops.softmax(heads["classes"], axis=-1)[..., 1:],
    "sigmoid": lambda heads: ops.sigmoid(heads["classes"]),
    "objectness_sigmoid": lambda heads: (
        ops.sigmoid(heads["objectness"]) * ops.sigmoid(heads["classes"])
    ),
    "objectness_softmax": lambda heads: (
        ops.sigmoid(heads["objectness"]) * ops.softmax(heads["classes"], axis=-1)
    ),
    "objectness_linear": lambda heads: heads["objectness"] * heads["classes"],
}
