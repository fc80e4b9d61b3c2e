"""Separable convolutions, which become a depthwise convolution and one of 1×1."""

from typing import Any

import keras
from keras import layers

from keras_cv_course.quantization.gains import Absorption, Gain, Planner
from keras_cv_course.quantization.operations import linear
from keras_cv_course.quantization.operations.kind import OperationKind, Rewriting, always
from keras_cv_course.quantization.operations.making import Maker


def _split(maker: Maker, x: Any) -> Any:
    layer = maker.operation
    shared = {"trainable": layer.trainable, "dtype": layer.dtype_policy}

    def depthwise(name: str) -> keras.Layer:
        made = layers.DepthwiseConv2D(
            layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
            depth_multiplier=layer.depth_multiplier,
            data_format=layer.data_format,
            dilation_rate=layer.dilation_rate,
            use_bias=False,
            depthwise_initializer=layer.depthwise_initializer,
            depthwise_regularizer=layer.depthwise_regularizer,
            depthwise_constraint=layer.depthwise_constraint,
            name=name,
            **shared,
        )
        made.build(x.shape)
        made.set_weights([layer.depthwise_kernel])
        return made

    def pointwise(name: str) -> keras.Layer:
        made = layers.Conv2D(
            layer.filters,
            1,
            data_format=layer.data_format,
            use_bias=layer.use_bias,
            kernel_initializer=layer.pointwise_initializer,
            bias_initializer=layer.bias_initializer,
            kernel_regularizer=layer.pointwise_regularizer,
            bias_regularizer=layer.bias_regularizer,
            kernel_constraint=layer.pointwise_constraint,
            bias_constraint=layer.bias_constraint,
            name=name,
            **shared,
        )
        made.build(maps.shape)
        made.set_weights([w for w in (layer.pointwise_kernel, layer.bias) if w is not None])
        return made

    maps = maker.layer("depthwise", depthwise)(x)
    y = maker.layer("pointwise", pointwise)(maps)
    return maker.activation(layer.activation, y, layer.activation.__name__)


def _absorb(layer: Any, gain: Gain, output_gain: Gain) -> None:
    linear.absorb(layer, gain, output_gain, layer.depthwise_kernel, layer.pointwise_kernel)


KINDS = (
    OperationKind(
        (layers.SeparableConv2D,),
        gain=always(Planner.linear),
        rewritings=(Rewriting(always(True), _split),),
        absorption=Absorption(linear.takes, linear.can_scale, _absorb),
    ),
)
