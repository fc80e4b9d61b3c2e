"""ReLUs with a slope below 0, one for all values or one for each channel."""

from typing import Any

import keras
from keras import layers, ops

from keras_cv_course.quantization import tfmot
from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.operations.kind import (
    OWN,
    Int8Form,
    OperationKind,
    Rewriting,
    always,
    rounds,
)
from keras_cv_course.quantization.operations.making import Maker

_DEFAULT_SLOPE = 0.2  # of `keras.activations.leaky_relu`


@keras.saving.register_keras_serializable(package="keras_cv_course")
class QuantizedPReLU(layers.PReLU):
    """`keras.layers.PReLU` with int8 slopes, one range for all."""

    def call(self, inputs: Any) -> Any:
        """Returns inputs above 0, and the others times their rounded slope."""
        slopes = self.alpha.value if isinstance(self.alpha, keras.Variable) else self.alpha
        extremes = {
            "min_var": ops.minimum(ops.stop_gradient(ops.min(slopes)), 0.0),
            "max_var": ops.maximum(ops.stop_gradient(ops.max(slopes)), 0.0),
        }
        slopes = tfmot.of_activations()(slopes, False, extremes)
        return ops.relu(inputs) - slopes * ops.relu(-inputs)


def _as_layer(maker: Maker, x: Any, suffix: str = "") -> Any:
    return maker.layer(suffix, lambda name: layers.LeakyReLU(_DEFAULT_SLOPE, name=name))(x)


_LEAKY = Int8Form(always(OWN), frozenset({"LEAKY_RELU"}), rounds)
KINDS = (
    OperationKind((layers.LeakyReLU,), always(Planner.homogeneous), _LEAKY),
    OperationKind(("LeakyRelu",), always(Planner.nothing), _LEAKY),
    OperationKind(
        (keras.activations.leaky_relu,),
        always(Planner.homogeneous),
        rewritings=(Rewriting(always(True), _as_layer),),
    ),
    OperationKind(
        (layers.PReLU, QuantizedPReLU),
        always(Planner.homogeneous),
        Int8Form(always(OWN), frozenset({"PRELU"}), rounds, layer=QuantizedPReLU),
    ),
)
