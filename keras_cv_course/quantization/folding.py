"""The graph pass that takes constant factors, above all hard-swish's 1/6, out of a model."""

from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course._unique_names import free_name
from keras_cv_course.ops.activations import hard_sigmoid_x6
from keras_cv_course.quantization.gains import (
    ONE,
    Gain,
    GainPlan,
    along_inputs,
    constant_factor,
    has_constant_factors,
    is_hard_sigmoid,
    is_hard_swish,
    is_normalization,
    is_rescaling,
    normalization_statistics,
    plan_gains,
)
from keras_cv_course.quantization.graph import Call, Graph, run, tensors, trace


def fold_constant_factors(model: keras.Model) -> keras.Model:
    """Returns a model with the same outputs, whose constant factors sit in kernels.

    Hard-swish becomes `x * relu6(x + 3)` and hard-sigmoid `relu6(x + 3)`, each with its 1/6 folded
    into the next linear layers; so are the scales of Rescaling and Normalization and
    multiplications by a positive number. Int8 kernels have fast forms of what is left, and none
    of HARD_SWISH or of a product with a constant. Where nothing linear follows (an output, a
    sigmoid), the factor stays as a Rescaling.

    Args:
        model: Functional or built Sequential model; it is left as it is. Sub-models are opened.

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
    if not has_constant_factors(model):
        return model, {}
    graph = trace(model)
    plan = plan_gains(graph)
    writer = _Writer(graph, plan)
    outputs = run(graph, tensors(graph.inputs), writer.write)
    outputs = keras.tree.map_structure(
        lambda old, new: writer.restore(0, old, new), graph.outputs, outputs
    )
    gains = {}
    for layer in {id(call.operation): call.operation for call in graph.calls}.values():
        if id(layer) in plan.absorbed:
            gains[layer.name] = plan.absorbed[id(layer)]
            _absorb(layer, gains[layer.name], plan.produced.get(id(layer), ONE))
    return keras.Model(graph.inputs, outputs, name=model.name), gains


class _Writer:
    """Writes each call of the original as the calls that stand for it."""

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
        operation, x = call.operation, tensors((args, kwargs))[0]
        if is_hard_swish(operation):
            gate = self._instead_of(operation, "gate", layers.Activation, hard_sigmoid_x6)
            return self._instead_of(operation, "", layers.Multiply)([x, gate(x)])
        if is_hard_sigmoid(operation):
            return self._instead_of(operation, "", layers.Activation, hard_sigmoid_x6)(x)
        if constant_factor(call) is not None:
            return x
        if is_rescaling(call) or is_normalization(call):
            return self._shift(call)(x)
        return operation(*args, **kwargs)

    def restore(self, call_id: int, old: Any, new: Any) -> Any:
        """Returns `new`, which stands for `old`, with the gain that the call needs."""
        factor = self._plan.restored.get((call_id, id(old)))
        if factor is None:
            return new
        return layers.Rescaling(
            factor.tolist(), dtype=new.dtype, name=free_name("restore", self._taken)
        )(new)

    def _instead_of(
        self, operation: keras.Layer, suffix: str, kind: type[keras.Layer], *options: Any
    ) -> keras.Layer:
        """Returns the layer that stands for a layer in each of its calls, under its name."""
        key = id(operation), suffix
        if key not in self._made:
            name = (
                free_name(f"{operation.name}_{suffix}", self._taken) if suffix else operation.name
            )
            self._made[key] = kind(*options, dtype=operation.dtype_policy.name, name=name)
        return self._made[key]

    def _shift(self, call: Call) -> keras.Layer:
        """Returns what is left of Rescaling or Normalization without its scale."""
        layer, x = call.operation, call.inputs[0]
        gain = self._plan.gains[id(x)] * self._plan.restored.get((id(call), id(x)), ONE)
        if is_rescaling(call):
            offset = gain * np.asarray(layer.offset, np.float64) / np.asarray(layer.scale)
        else:
            offset = -gain * normalization_statistics(layer)[0]
        if not np.any(offset):
            return self._instead_of(layer, "", layers.Identity)
        return self._instead_of(layer, "", layers.Rescaling, 1.0, offset.tolist())


def _absorb(layer: keras.Layer, gain: Gain, output_gain: Gain) -> None:
    """Changes the weights so that an input with `gain` gives an output with `output_gain`."""
    if isinstance(layer, layers.BatchNormalization):
        _assign(layer.moving_mean, layer.moving_mean * gain)
        _assign(layer.moving_variance, (layer.moving_variance + layer.epsilon) * gain**2)
        _assign(layer.moving_variance, layer.moving_variance - layer.epsilon)
        scaled = [layer.gamma, layer.beta] if np.any(output_gain != 1) else []
    else:
        kernel = _input_kernel(layer)
        _assign(kernel, np.asarray(kernel) / along_inputs(layer, gain))
        scaled = [_output_kernel(layer), *([layer.bias] if layer.use_bias else [])]
    for variable in scaled:
        _assign(variable, np.asarray(variable) * output_gain)


def _assign(variable: keras.Variable, value: Any) -> None:
    variable.assign(np.asarray(value, variable.dtype))


def _input_kernel(layer: keras.Layer) -> keras.Variable:
    return layer.depthwise_kernel if isinstance(layer, layers.SeparableConv2D) else layer.kernel


def _output_kernel(layer: keras.Layer) -> keras.Variable:
    return layer.pointwise_kernel if isinstance(layer, layers.SeparableConv2D) else layer.kernel
