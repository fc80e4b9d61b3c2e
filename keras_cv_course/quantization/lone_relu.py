"""The graph pass that gives a ReLU a kernel to be in, which XNNPACK runs in place of RELU."""

from collections.abc import Collection
from typing import Any

import keras

from keras_cv_course.quantization.batch_norm import folded_normalizations
from keras_cv_course.quantization.graph import Call, readers_of, run, tensors, trace
from keras_cv_course.quantization.operations import kind_of, rule_of
from keras_cv_course.quantization.operations.kind import LINEAR
from keras_cv_course.quantization.operations.making import Maker
from keras_cv_course.quantization.operations.relu import KINDS

_MAP_RANK = 4


def carry_lone_relus(model: keras.Model, keep: Collection[str] = ()) -> keras.Model:
    """Returns a model with the same outputs, whose ReLUs are each behind an operation of their own.

    One on a sum that is read without it, too, as before the convolutions of ResNetV2 or Xception,
    is an int8 RELU, which XNNPACK leaves to a slower kernel and so falls into partitions. A
    depthwise convolution of one pixel and weight 1 takes it along.

    Args:
        model: Functional model of primitives; it is left as it is.
        keep: Names of layers that stay as they are.
    """
    graph = trace(model)
    readers = readers_of(graph)
    makers = {id(y): call for call in graph.calls for y in tensors(call.outputs)}
    folded = folded_normalizations(graph)
    made: dict[tuple[int, str], keras.Layer] = {}
    taken = {call.operation.name for call in graph.calls}

    def is_lone(call: Call) -> bool:
        if call.operation.name in keep or not _is_relu(call):
            return False
        maker = makers.get(id(call.inputs[0]))
        maker = maker if maker is None else folded.get(id(maker), maker)
        rule = None if maker is None or maker.operation.name in keep else rule_of(maker)
        is_in_kernel = rule is not None and rule.takes_relu
        return not is_in_kernel or len(readers[id(call.inputs[0])]) > 1

    def write(call: Call, *args: Any, **kwargs: Any) -> Any:
        if not is_lone(call):
            return call.operation(*args, **kwargs)
        (x,) = tensors((args, kwargs))
        carried = Maker(call.operation, made, taken, {}).depthwise(x, 1.0, suffix="carrier")
        return call.operation(carried)

    if not any(is_lone(call) for call in graph.calls):
        return model
    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)


def _is_relu(call: Call) -> bool:
    kind = kind_of(call.operation)
    is_map = len(call.inputs[0].shape) == _MAP_RANK
    if kind not in KINDS or kind.int8 is None:
        return False
    return is_map and kind.int8.taken_by(LINEAR, call.operation)
