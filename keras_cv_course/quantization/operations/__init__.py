"""What is known of each kind of operation: a module for a kind, with all that passes need of it.

`OPERATIONS` is the table of them. A new int8 operation is a module with its `KINDS` and a name in
`_MODULES`; `kind.py` says what belongs to a kind.
"""

from typing import Any

import keras
from keras import layers

from keras_cv_course.quantization.graph import Call, operator
from keras_cv_course.quantization.operations import (
    activations,
    concatenation,
    distances,
    hard_swish,
    leaky_relu,
    linear,
    moves,
    normalization,
    pooling,
    products,
    relu,
    rescaling,
    resizing,
    separable,
    standardized,
    sums,
    training_only,
)
from keras_cv_course.quantization.operations.kind import OperationKind, Rule

_MODULES = (
    activations,
    concatenation,
    distances,
    hard_swish,
    leaky_relu,
    linear,
    moves,
    normalization,
    pooling,
    products,
    relu,
    rescaling,
    resizing,
    separable,
    standardized,
    sums,
    training_only,
)
# By the class of a layer, the name of an operator, or the function of an Activation layer.
OPERATIONS: dict[Any, OperationKind] = {
    member: kind for module in _MODULES for kind in module.KINDS for member in kind.members
}


def member_of(operation: keras.Operation) -> Any:
    """Returns the kind of an operation in `OPERATIONS`, if there is one."""
    if type(operation) is layers.Activation:
        return operation.activation
    return operator(operation) or type(operation)


def kind_of(operation: keras.Operation) -> OperationKind | None:
    """Returns what is known of an operation; None for one of a kind that nothing is known of."""
    return OPERATIONS.get(member_of(operation))


def rule_of(call: Call) -> Rule | None:
    """Returns how a call is rounded; None for one that has no int8 form."""
    kind = kind_of(call.operation)
    return None if kind is None or kind.int8 is None else kind.int8.rounding(call)


def int8_layer(layer: keras.Operation) -> type[keras.Layer] | None:
    """Returns the layer with rounded weights that replaces a float one in training."""
    kind = OPERATIONS.get(type(layer))
    return None if kind is None or kind.int8 is None else kind.int8.layer


def float_layer(layer: keras.Operation) -> type[keras.Layer] | None:
    """Returns the layer that one with rounded weights replaces; None for another layer."""
    kind = OPERATIONS.get(type(layer))
    is_rounded = kind is not None and kind.int8 is not None and kind.int8.layer is type(layer)
    return kind.members[0] if kind is not None and is_rounded else None
