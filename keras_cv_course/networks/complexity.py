"""Counts what a network costs: parameters, multiply-adds and memory for activations."""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import KerasTensor

from keras_cv_course.layers.spec_carrier import SpecCarrier

_BYTES_PER_VALUE = 4  # float32


@dataclass(frozen=True)
class Complexity:
    """What a network costs for one sample.

    Attributes:
        parameters: Number of weights, moving statistics included (`model.count_params()`).
        trainable_parameters: Number of trainable weights, which is what papers print.
        mult_adds: Multiply-adds of convolutions and dense layers; one of them counts 1.
        peak_activation_bytes: Most bytes of activations that must exist at one time, in float32.
    """

    parameters: int
    trainable_parameters: int
    mult_adds: int
    peak_activation_bytes: int

    def to_dict(self) -> dict[str, int]:
        """Returns the four figures by name."""
        return dataclasses.asdict(self)


def complexity(model: keras.Model, input_shape: Sequence[int] | None = None) -> Complexity:
    """Returns the parameters, multiply-adds and peak activation memory of a network.

    Multiply-adds are those of Conv2D, DepthwiseConv2D, SeparableConv2D, Conv2DTranspose and Dense,
    in each call of a layer that is called more than once; other layers, biases, normalization and
    activations count nothing, as in the MobileNet and EfficientNet papers.

    Peak activation memory is the largest sum of tensors that are alive together when the layers
    run in Keras' order. A tensor lives from the layer that makes it to the last one that reads it.
    Batch normalization, activations, dropout and reshaping write over their input when nothing
    else reads it, because TFLite fuses or drops them.

    Args:
        model: Functional or sequential model; models inside it are counted too.
        input_shape: Shape of the input without the batch, for a model of free size with one input.

    Raises:
        ValueError: If the model is neither functional nor sequential, or a size is unknown.

    Example:
        >>> complexity(keras_cv_course.MobileNetV2()).mult_adds
        300774272
    """
    inputs = _inputs(model, input_shape)
    calls: list[_Call] = []
    outputs = keras.tree.flatten(_trace(model, inputs, calls))
    for call in calls:
        _check_known(call)
    return Complexity(
        parameters=model.count_params(),
        trainable_parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        mult_adds=sum(_mult_adds(call) for call in calls),
        peak_activation_bytes=_peak_bytes(calls, inputs, outputs),
    )


@dataclass(frozen=True)
class _Call:
    """One call of a layer; tensors are distinguished by identity."""

    layer: keras.layers.Layer
    inputs: list[KerasTensor]
    outputs: list[KerasTensor]


def _inputs(model: keras.Model, input_shape: Sequence[int] | None) -> list[KerasTensor]:
    _check_graph(model)
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if input_shape is not None:
        if len(shapes) > 1:
            raise ValueError(
                f"`input_shape` is for a model with one input. {model.name!r} has {len(shapes)}: "
                "build it with inputs of fixed size instead."
            )
        shapes = [tuple(input_shape)]
    for shape in shapes:
        if None in shape:
            raise ValueError(
                f"The work of {model.name!r} depends on the size of its input, which is {shape}. "
                "Pass `input_shape`, e.g. (224, 224, 3), or build the model with a fixed size."
            )
    tensors = zip(shapes, model.inputs, strict=True)
    return [KerasTensor((1, *shape), tensor.dtype) for shape, tensor in tensors]


def _check_graph(model: keras.Model) -> None:
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so that its sizes are unknown. Begin it with a "
            "`keras.Input`, or call `model.build((1, height, width, channels))`."
        )
    if not isinstance(model, keras.Sequential | keras.Function):
        raise ValueError(
            "`model` must be a functional or sequential Keras model, whose layers are known "
            f"without running it. Received: {type(model).__name__}."
        )


def _trace(model: keras.Model, inputs: Any, calls: list[_Call]) -> Any:
    """Returns the outputs of `model` for symbolic inputs, and adds every layer's call to `calls`.

    Keras' own loop over the graph is private, but gives what no public function does: the order
    in which layers run, each call of a shared layer, and sizes for these inputs; and it leaves no
    trace on the model, as calling the layers would. `keras.models.clone_model` rests on it too.
    """

    def specification(layer: Any) -> Callable[..., Any]:
        def compute(*args: Any, **kwargs: Any) -> Any:
            if isinstance(layer, keras.Sequential | keras.Function):
                return _trace(layer, args[0], calls)
            outputs = layer.compute_output_spec(*args, **kwargs)
            calls.append(_Call(layer, _tensors((args, kwargs)), _tensors(outputs)))
            return outputs

        return compute

    # A sequential model keeps its graph to itself; a functional one around it is the same graph.
    sequential = isinstance(model, keras.Sequential)
    graph = keras.Model(model.inputs, model.outputs) if sequential else model
    return graph._run_through_graph(inputs, operation_fn=specification)


def _tensors(structure: Any) -> list[KerasTensor]:
    return [x for x in keras.tree.flatten(structure) if isinstance(x, KerasTensor)]


def _check_known(call: _Call) -> None:
    for tensor in call.outputs:
        if None in tensor.shape[1:]:
            raise ValueError(
                f"Layer {call.layer.name!r} has an output size that is only known when it runs, "
                f"{tensor.shape}. Count a model without this layer."
            )


def _convolution(layer: Any, inputs: KerasTensor, outputs: KerasTensor) -> int:
    # A grouped kernel has the shape (height, width, channels / groups, filters).
    return _positions(layer, outputs) * math.prod(layer.kernel.shape)


def _separable_convolution(layer: Any, inputs: KerasTensor, outputs: KerasTensor) -> int:
    kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
    return _positions(layer, outputs) * sum(math.prod(kernel.shape) for kernel in kernels)


def _transposed_convolution(layer: Any, inputs: KerasTensor, outputs: KerasTensor) -> int:
    # Every pixel of the input is multiplied with the whole kernel.
    return _positions(layer, inputs) * math.prod(layer.kernel.shape)


def _dense(layer: Any, inputs: KerasTensor, outputs: KerasTensor) -> int:
    return math.prod(outputs.shape[1:]) * int(inputs.shape[-1])


_COUNTERS: tuple[tuple[type, Callable[[Any, KerasTensor, KerasTensor], int]], ...] = (
    (keras.layers.Conv2DTranspose, _transposed_convolution),
    (keras.layers.Conv2D, _convolution),
    (keras.layers.DepthwiseConv2D, _convolution),
    (keras.layers.SeparableConv2D, _separable_convolution),
    (keras.layers.Dense, _dense),
)

_IN_PLACE = (
    keras.layers.BatchNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
    keras.layers.Softmax,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Identity,
    SpecCarrier,
)


def _positions(layer: Any, tensor: KerasTensor) -> int:
    spatial = tensor.shape[1:-1] if layer.data_format == "channels_last" else tensor.shape[2:]
    return math.prod(spatial)


def _mult_adds(call: _Call) -> int:
    for kind, count in _COUNTERS:
        if isinstance(call.layer, kind):
            return count(call.layer, call.inputs[0], call.outputs[0])
    return 0


@dataclass(eq=False)
class _Buffer:
    """Memory that one tensor, or several in turn, lives in; from and to which step."""

    size: int
    begin: int
    end: int


def _peak_bytes(
    calls: Sequence[_Call], inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]
) -> int:
    read = [tensor for call in calls for tensor in call.inputs]
    readers = Counter(id(tensor) for tensor in (*read, *outputs))
    buffers = {id(tensor): _Buffer(_size(tensor), 0, 0) for tensor in inputs}
    for step, call in enumerate(calls, 1):
        for tensor in call.inputs:
            buffers[id(tensor)].end = step
        source = call.inputs[0]
        in_place = isinstance(call.layer, _IN_PLACE) and readers[id(source)] == 1
        for tensor in call.outputs:
            new = buffers[id(source)] if in_place else _Buffer(_size(tensor), step, step)
            buffers[id(tensor)] = new
    for tensor in outputs:
        buffers[id(tensor)].end = len(calls)
    changes = np.zeros(len(calls) + 2, np.int64)
    for buffer in {id(buffer): buffer for buffer in buffers.values()}.values():
        changes[buffer.begin] += buffer.size
        changes[buffer.end + 1] -= buffer.size
    return int(changes.cumsum().max())


def _size(tensor: KerasTensor) -> int:
    return _BYTES_PER_VALUE * math.prod(tensor.shape[1:])
