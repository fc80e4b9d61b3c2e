"""Batch normalization, in the weights of a linear layer before it or a depthwise convolution."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.quantization.gains import Absorption, Gain, Planner
from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.grid import WIDE
from keras_cv_course.quantization.operations.kind import (
    LINEAR,
    Int8Form,
    OperationKind,
    Rule,
    always,
)
from keras_cv_course.quantization.operations.linear import accumulated


@keras.saving.register_keras_serializable(package="keras_cv_course")
class FreezableBatchNormalization(BatchNormalization):
    """Batch normalization that can train its scale and offset on statistics that stay.

    Its weights are rounded as part of the kernel before it.

    Args:
        frozen: Whether the moving statistics are used, and stay, in training.
        **kwargs: As in `keras.layers.BatchNormalization`.
    """

    def __init__(self, frozen: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frozen = frozen

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Returns normalized inputs of the same shape."""
        return super().call(inputs, training=training and not self.frozen, mask=mask)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"frozen": self.frozen}


def _rounding(call: Call) -> Rule | None:
    return LINEAR if _is_of_last_axis(call.operation, len(call.inputs[0].shape)) else None


def _is_of_last_axis(layer: Any, rank: int) -> bool:
    return bool(layer.axis % rank == rank - 1)


def _folded(layer: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
    mean, variance = (ops.cast(v.value, WIDE) for v in (layer.moving_mean, layer.moving_variance))
    factor = 1.0 / ops.sqrt(variance + layer.epsilon)
    if layer.scale:
        factor = factor * ops.cast(layer.gamma.value, WIDE)
    shift = -mean * factor
    shift = shift + ops.cast(layer.beta.value, WIDE) if layer.center else shift
    return scale * factor, offset * factor + shift


def _takes(layer: Any, gain: Gain) -> bool:
    # Its epsilon is absorbed too, which leaves a positive variance only from 1 up.
    return bool(np.all(gain >= 1.0)) and _is_of_last_axis(layer, layer.input_spec.ndim)


def _absorb(layer: Any, gain: Gain, output_gain: Gain) -> None:
    _assign(layer.moving_mean, layer.moving_mean * gain)
    _assign(layer.moving_variance, (layer.moving_variance + layer.epsilon) * gain**2)
    _assign(layer.moving_variance, layer.moving_variance - layer.epsilon)
    for variable in (layer.gamma, layer.beta) if np.any(output_gain != 1) else ():
        _assign(variable, np.asarray(variable) * output_gain)


def _assign(variable: keras.Variable, value: Any) -> None:
    variable.assign(np.asarray(value, variable.dtype))


KINDS = (
    OperationKind(
        (layers.BatchNormalization, BatchNormalization, FreezableBatchNormalization),
        gain=always(Planner.linear),
        int8=Int8Form(
            _rounding,
            frozenset({"DEPTHWISE_CONV_2D", "RESHAPE"}),
            accumulated,
            # Whether a kernel takes it along depends on more: `batch_norm.folded_normalizations`.
            folded=_folded,
            layer=FreezableBatchNormalization,
        ),
        absorption=Absorption(_takes, lambda layer: bool(layer.scale and layer.center), _absorb),
    ),
)
