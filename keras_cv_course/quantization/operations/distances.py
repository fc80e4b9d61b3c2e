"""Distances of two vectors in the operations that integer kernels have."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.layers.distances import (
    AbsoluteDifference,
    CosineDistance,
    CosineSimilarity,
)
from keras_cv_course.ops.activations import absolute
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.quantization.gains import Planner
from keras_cv_course.quantization.operations.kind import OperationKind, Rewriting, always
from keras_cv_course.quantization.operations.making import Maker


def _split_difference(maker: Maker, inputs: list[Any]) -> Any:
    """Returns an `AbsoluteDifference` in primitives: a difference, and its absolute value."""
    difference = maker.layer("difference", lambda name: layers.Subtract(name=name))(inputs)
    return maker.layer("", lambda name: layers.Activation(absolute, name=name))(difference)


def _split_cosine(maker: Maker, inputs: list[Any], is_distance: bool) -> Any:
    """Returns a cosine in primitives: unit vectors, their product, and its sum.

    The sum is a dense layer with kernel 1, or -1 and bias 1 for a distance, since that is the
    integer kernel with the widest accumulator. Vectors that are of length 1 already are left so.
    """
    units = [
        x
        if _is_unit(x)
        else maker.layer(suffix, lambda name: layers.Activation(l2_normalize, name=name))(x)
        for suffix, x in zip(("unit_a", "unit_b"), inputs, strict=True)
    ]
    product = maker.layer("product", lambda name: layers.Multiply(name=name))(units)

    def total(name: str) -> keras.Layer:
        layer = layers.Dense(1, use_bias=is_distance, trainable=False, name=name)
        layer.build(product.shape)
        ones = np.ones((product.shape[-1], 1), np.float32)
        layer.set_weights([-ones, np.ones(1, np.float32)] if is_distance else [ones])
        return layer

    return maker.layer("", total)(product)


def _is_unit(x: keras.KerasTensor) -> bool:
    operation = x._keras_history.operation
    return getattr(operation, "activation", None) is l2_normalize


def _kind(member: type[keras.Layer], write: Callable[[Maker, list[Any]], Any]) -> OperationKind:
    return OperationKind(
        (member,), always(Planner.nothing), rewritings=(Rewriting(always(True), write),)
    )


KINDS = (
    _kind(AbsoluteDifference, _split_difference),
    _kind(CosineSimilarity, partial(_split_cosine, is_distance=False)),
    _kind(CosineDistance, partial(_split_cosine, is_distance=True)),
)
