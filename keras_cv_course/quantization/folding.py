"""The graph pass that takes constant factors, above all hard-swish's 1/6, out of a model."""

from typing import Any

import keras
from keras import layers

from keras_cv_course._unique_names import free_name
from keras_cv_course.quantization.gains import ONE, Gain, GainPlan, Planner
from keras_cv_course.quantization.graph import (
    Call,
    Graph,
    as_functional,
    by_position,
    run,
    tensors,
    trace,
)
from keras_cv_course.quantization.operations import kind_of


def fold_constant_factors(model: keras.Model) -> keras.Model:
    """Returns a model with the same outputs, whose constant factors sit in kernels.

    Hard-swish becomes `x * relu6(x + 3)` and hard-sigmoid `relu6(x + 3)`, each with its 1/6 folded
    into the next linear layers; so are the scales of Rescaling and Normalization and
    multiplications by a positive number. Int8 kernels have fast forms of what is left, and none
    of HARD_SWISH or of a product with a constant. Where nothing linear follows (an output, a
    sigmoid), the factor stays as a Rescaling.

    Args:
        model: Functional or built Sequential model; it is not changed. Sub-models are opened.

    Returns:
        A functional model that shares nothing with `model`, exact but for float rounding; `model`
        itself where there is nothing to fold.

    Raises:
        TypeError: If the model or one inside it is subclassed.

    Reference:
        Searching for MobileNetV3, arXiv:1905.02244, section 5.2 (hard-swish).
    """
    return fold_with_gains(model)[0]


def fold_with_gains(model: keras.Model) -> tuple[keras.Model, dict[str, Gain]]:
    """Returns what `fold_constant_factors` does, and what its kernels were divided by.

    Args:
        model: As in `fold_constant_factors`.

    Returns:
        The model, and the gain of the input of each layer that has absorbed one, by its name:
        a factor, or one for each channel.
    """
    if not _has_constant_factors(model):
        return model, {}
    graph = trace(model)
    plan = Planner(graph, kind_of).plan()
    writer = _Writer(graph, plan)
    outputs = run(graph, tensors(graph.inputs), writer.write)
    outputs = keras.tree.map_structure(
        lambda old, new: writer.restore(0, old, new), graph.outputs, outputs
    )
    gains = {}
    for layer in {id(call.operation): call.operation for call in graph.calls}.values():
        if id(layer) in plan.absorbed:
            gains[layer.name] = plan.absorbed[id(layer)]
            kind = kind_of(layer)
            assert kind is not None
            assert kind.absorption is not None
            kind.absorption.absorb(layer, gains[layer.name], plan.produced.get(id(layer), ONE))
    return keras.Model(graph.inputs, outputs, name=model.name), gains


class _Writer:
    """Writes each call of the original as the calls that replace it."""

    def __init__(self, graph: Graph, plan: GainPlan) -> None:
        self._plan = plan
        self._taken = {call.operation.name for call in graph.calls}
        self._made: dict[Any, keras.Layer] = {}

    def write(self, call: Call, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(
            lambda old, new: self.restore(id(call), old, new),
            (call.args, call.kwargs),
            (args, kwargs),
        )
        kind = kind_of(call.operation)
        if kind is not None and kind.factored is not None and kind.factored.applies(call):
            return kind.factored.write(self, call, *by_position(args, kwargs))
        return call.operation(*args, **kwargs)

    def restore(self, call_id: int, old: Any, new: Any) -> Any:
        """Returns `new`, which replaces `old`, with the gain that the call needs."""
        factor = self._plan.restored.get((call_id, id(old)))
        if factor is None:
            return new
        return layers.Rescaling(
            factor.tolist(), dtype=new.dtype, name=free_name("restore", self._taken)
        )(new)

    def instead_of(
        self, operation: keras.Layer, suffix: str, kind: type[keras.Layer], *options: Any
    ) -> keras.Layer:
        """Returns the layer that replaces a layer in each of its calls, under its name."""
        key = id(operation), suffix
        if key not in self._made:
            name = (
                free_name(f"{operation.name}_{suffix}", self._taken) if suffix else operation.name
            )
            self._made[key] = kind(*options, dtype=operation.dtype_policy.name, name=name)
        return self._made[key]

    def received(self, call: Call) -> Gain:
        """Returns the gain of a call's input as the call gets it, restored or not."""
        x = call.inputs[0]
        return self._plan.gains[id(x)] * self._plan.restored.get((id(call), id(x)), ONE)


def _has_constant_factors(model: keras.Model) -> bool:
    """Whether a functional model, or one inside it, holds an operation that may have one."""
    for operation in as_functional(model).operations:
        kind = None if isinstance(operation, keras.Model) else kind_of(operation)
        if isinstance(operation, keras.Model) and _has_constant_factors(operation):
            return True
        if kind is not None and kind.factored is not None:
            return True
    return False
