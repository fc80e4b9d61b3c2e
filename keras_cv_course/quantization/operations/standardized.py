"""Convolutions with standardized kernels, which become plain ones."""

from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.layers.standardized_convolution import StandardizedConv2D, standardized
from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.graph import remake
from keras_cv_course.quantization.operations.kind import OperationKind, Rewriting, always
from keras_cv_course.quantization.operations.making import Maker


def _split(maker: Maker, x: Any) -> Any:
    layer = maker.operation

    def plain(name: str) -> keras.Layer:
        made = remake(layer, layers.Conv2D, activation="linear")
        made.build(x.shape)
        made.set_weights([np.asarray(standardized(layer.kernel)), *layer.get_weights()[1:]])
        return made

    y = maker.layer("", plain)(x)
    return maker.activation(layer.activation, y, layer.activation.__name__)


KINDS = (
    OperationKind(
        (StandardizedConv2D,),
        gain=always(Planner.nothing),
        rewritings=(Rewriting(always(True), _split),),
    ),
)
