"""Distances of two vectors in the operations that integer kernels have."""

from collections.abc import Callable
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

# Gets a suffix and what makes the layer of that name, and returns the layer.
Make = Callable[[str, Callable[[str], keras.Layer]], keras.Layer]


def split_difference(make: Make, inputs: list[Any]) -> Any:
    """Returns an `AbsoluteDifference` in primitives: a difference, and its absolute value."""
    difference = make("difference", lambda name: layers.Subtract(name=name))(inputs)
    return make("", lambda name: layers.Activation(absolute, name=name))(difference)


def split_cosine(make: Make, inputs: list[Any], is_distance: bool) -> Any:
    """Returns a cosine in primitives: unit vectors, their product, and its sum.

    The sum is a dense layer with kernel 1, or -1 and bias 1 for a distance, since that is the
    integer kernel with the widest accumulator. Vectors that are of length 1 already are left so.
    """
    units = [
        x
        if _is_unit(x)
        else make(suffix, lambda name: layers.Activation(l2_normalize, name=name))(x)
        for suffix, x in zip(("unit_a", "unit_b"), inputs, strict=True)
    ]
    product = make("product", lambda name: layers.Multiply(name=name))(units)

    def total(name: str) -> keras.Layer:
        layer = layers.Dense(1, use_bias=is_distance, trainable=False, name=name)
        layer.build(product.shape)
        ones = np.ones((product.shape[-1], 1), np.float32)
        layer.set_weights([-ones, np.ones(1, np.float32)] if is_distance else [ones])
        return layer

    return make("", total)(product)


def _is_unit(x: keras.KerasTensor) -> bool:
    operation = x._keras_history.operation
    return getattr(operation, "activation", None) is l2_normalize


SPLITS: dict[type[keras.Layer], Callable[[Make, list[Any]], Any]] = {
    AbsoluteDifference: split_difference,
    CosineSimilarity: lambda make, inputs: split_cosine(make, inputs, is_distance=False),
    CosineDistance: lambda make, inputs: split_cosine(make, inputs, is_distance=True),
}
