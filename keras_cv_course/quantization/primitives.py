"""The graph pass that writes a model in the operations that integer kernels have."""

from collections.abc import Collection
from typing import Any

import keras

from keras_cv_course.quantization.graph import Call, by_position, run, tensors, trace
from keras_cv_course.quantization.operations import OPERATIONS, kind_of
from keras_cv_course.quantization.operations.making import Maker

# How activations are written that are no operation of their own.
_ACTIVATIONS = {
    member: kind.rewritings[0].write
    for member, kind in OPERATIONS.items()
    if kind.rewritings and not isinstance(member, type | str)
}


def split_into_primitives(model: keras.Model, keep: Collection[str] = ()) -> keras.Model:
    """Returns a model with the same outputs, with one arithmetic operation a layer.

    Fused activations become layers, a separable convolution two, swish a sigmoid and a product,
    an average sums and a factor, a rescaling a factor and an offset, a distance what it is made of.
    Products with constants become a rescaling.
    Upsampling by repetition and normalization to length 1 take the form that the converter knows.

    Args:
        model: Functional or built Sequential model; it is not changed. Sub-models are opened.
        keep: Names of layers that stay as they are.

    Raises:
        TypeError: If the model or one inside it is subclassed.
    """
    graph = trace(model)
    made: dict[tuple[int, str], keras.Layer] = {}
    taken = {call.operation.name for call in graph.calls}

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        if call.operation.name in keep:
            return call.operation(*args, **kwargs)
        kind = kind_of(call.operation)
        for rewriting in () if kind is None else kind.rewritings:
            if rewriting.applies(call):
                maker = Maker(call.operation, made, taken, _ACTIVATIONS)
                options = kwargs if args else {}
                return rewriting.write(maker, *by_position(args, kwargs), **options)
        return call.operation(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)
