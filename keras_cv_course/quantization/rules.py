"""What quantization has to know of each kind of operation: a table."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.ops.activations import absolute, hard_sigmoid_x6
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.quantization.batch_norm import FOLDED_INTO, is_batch_normalization
from keras_cv_course.quantization.gains import activation_of, is_exactly, operator
from keras_cv_course.quantization.graph import Call


class Output(enum.Enum):
    """Where the range of what an int8 operation returns comes from."""

    OWN = "measured"
    FIXED = "prescribed by the kernel"
    SAME = "that of the input, whose values it only moves"
    ROUNDED = "that of the input, on which it rounds new values"
    JOINED = "one for all inputs and the output"


@dataclass(frozen=True)
class Rule:
    """How an operation is quantized.

    Attributes:
        output: Where its output's range comes from.
        fixed_range: The range, if the kernel prescribes it.
        takes_relu: Whether a ReLU behind it is part of its kernel.
        takes_constants: Whether a constant factor or offset behind it is part of its weights.
    """

    output: Output
    fixed_range: tuple[float, float] | None = None
    takes_relu: bool = False
    takes_constants: bool = False

    def takes(self, operation: keras.Operation) -> bool:
        """Whether an operation that alone reads the output is done in the same kernel."""
        if is_exactly(operation, layers.Rescaling):
            is_per_channel = np.ndim(operation.scale) <= 1 and np.ndim(operation.offset) <= 1
            return self.takes_constants and is_per_channel
        if is_exactly(operation, layers.Activation) and operation.activation is hard_sigmoid_x6:
            return self.takes_constants and self.takes_relu
        return self.takes_relu and is_relu(operation)


_LINEAR = Rule(Output.OWN, takes_relu=True, takes_constants=True)
_ARITHMETIC = Rule(Output.OWN, takes_relu=True)
_OWN = Rule(Output.OWN)
_SAME = Rule(Output.SAME)
_ROUNDED = Rule(Output.ROUNDED)
_JOINED = Rule(Output.JOINED)
_UNIT = Rule(Output.FIXED, (0.0, 255 / 256))
_SIGNED = Rule(Output.FIXED, (-1.0, 127 / 128))

# They return their inputs in inference.
TRAINING_ONLY: tuple[type[keras.Layer], ...] = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.AugMix,
    layers.CutMix,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.MixUp,
    layers.RandAugment,
    layers.RandomBrightness,
    layers.RandomColorDegeneration,
    layers.RandomColorJitter,
    layers.RandomContrast,
    layers.RandomElasticTransform,
    layers.RandomErasing,
    layers.RandomFlip,
    layers.RandomGaussianBlur,
    layers.RandomGrayscale,
    layers.RandomHue,
    layers.RandomInvert,
    layers.RandomPerspective,
    layers.RandomPosterization,
    layers.RandomRotation,
    layers.RandomSaturation,
    layers.RandomSharpness,
    layers.RandomShear,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)

_LAYERS: dict[type[keras.Layer], Rule] = {
    **dict.fromkeys(FOLDED_INTO, _LINEAR),
    layers.BatchNormalization: _LINEAR,
    **dict.fromkeys((layers.Add, layers.Multiply, layers.Rescaling, layers.Subtract), _ARITHMETIC),
    **dict.fromkeys((layers.GlobalAveragePooling2D, layers.LeakyReLU, layers.PReLU), _OWN),
    **dict.fromkeys(
        (
            BoxCodes,
            layers.Cropping2D,
            layers.Flatten,
            layers.GlobalMaxPooling2D,
            layers.Identity,
            layers.MaxPooling2D,
            layers.Permute,
            layers.Reshape,
            SpecCarrier,
            layers.ZeroPadding2D,
            *TRAINING_ONLY,
        ),
        _SAME,
    ),
    layers.AveragePooling2D: _ROUNDED,
    layers.Concatenate: _JOINED,
    layers.Softmax: _UNIT,
}
_OPERATORS: dict[str, Rule] = {
    **dict.fromkeys(("Add", "Multiply", "Subtract"), _ARITHMETIC),
    **dict.fromkeys(("Absolute", "Gelu", "LeakyRelu", "Mean"), _OWN),
    **dict.fromkeys(
        (
            *("DepthToSpace", "ExpandDims", "GetItem", "Max", "Pad", "Reshape", "SpaceToDepth"),
            *("Split", "Squeeze", "StopGradient", "Transpose"),
        ),
        _SAME,
    ),
    "Concatenate": _JOINED,
    "Softmax": _UNIT,
}
_ACTIVATIONS: dict[Callable[..., object], Rule] = {
    **dict.fromkeys(
        (
            keras.activations.gelu,
            keras.activations.relu,
            keras.activations.relu6,
            absolute,
            hard_sigmoid_x6,
        ),
        _OWN,
    ),
    keras.activations.linear: _SAME,
    keras.activations.sigmoid: _UNIT,
    keras.activations.tanh: _SIGNED,
    l2_normalize: _SIGNED,
}


# The rule of each kind of operation: a layer's class, an operator's name, or the function of an
# Activation layer. Tests hold that each is quantized, trained and run by the interpreter.
OPERATIONS: dict[Any, Rule] = {**_LAYERS, **_OPERATORS, **_ACTIVATIONS}


def rule_of(call: Call) -> Rule | None:
    """Returns how a call is quantized; None for one that has no int8 form."""
    operation = call.operation
    if is_exactly(operation, layers.ReLU):
        return _OWN if is_relu(operation) else None
    if is_exactly(operation, layers.Resizing, layers.UpSampling2D):
        return {"nearest": _SAME, "bilinear": _ROUNDED}.get(operation.interpolation)
    if _changes_nothing(call):
        return _SAME
    if is_batch_normalization(operation) and operation.axis % len(call.inputs[0].shape) != (
        len(call.inputs[0].shape) - 1
    ):
        return None
    if operator(operation) == "Multiply" and len(call.inputs) == 1:
        return None  # by constants that `primitives` could not bring into another form
    return OPERATIONS.get(kind_of(operation))


def kind_of(operation: keras.Operation) -> Any:
    """Returns the key of an operation in `OPERATIONS`; None for one that is not in it."""
    if is_exactly(operation, layers.Activation):
        return operation.activation
    if isinstance(operation, keras.Layer):
        return next((kind for kind in _LAYERS if is_exactly(operation, kind)), None)
    return operator(operation)


def _changes_nothing(call: Call) -> bool:
    """Whether the converter leaves the operation out: a factor of 1, an average of one pixel."""
    layer = call.operation
    if is_exactly(layer, layers.Rescaling):
        return bool(np.all(np.equal(layer.scale, 1)) and np.all(np.equal(layer.offset, 0)))
    if is_exactly(layer, layers.GlobalAveragePooling2D) or operator(layer) == "Mean":
        return layer.keepdims and call.inputs[0].shape[1:3] == (1, 1)
    return is_exactly(layer, layers.AveragePooling2D) and tuple(layer.pool_size) == (1, 1)


def is_relu(operation: keras.Operation) -> bool:
    """Whether the operation is a ReLU or ReLU6, which other kernels can have inside."""
    if is_exactly(operation, layers.ReLU):
        return (
            operation.negative_slope == 0
            and operation.threshold == 0
            and operation.max_value in (None, 6.0)
        )
    if not is_exactly(operation, layers.Activation):
        return False
    return activation_of(operation) in (keras.activations.relu, keras.activations.relu6)
