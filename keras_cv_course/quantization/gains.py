"""Which constant factor each tensor of a graph carries once linear layers have absorbed it.

In a rewritten graph a tensor holds `gain * value`, where `value` is what the original computes. A
factor that the original multiplies with costs an operation; as a gain it costs nothing, because
it travels through whatever is homogeneous (ReLU, pooling, products) to the next convolution,
whose kernel is divided by it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.quantization.graph import Call, Graph, as_functional, tensors

Gain = np.ndarray  # float64; one factor (shape ()) or one a channel (shape (channels,)); above 0

ONE = np.ones(())
HARD_GAIN = np.array(6.0)

_PRODUCTS = ("Multiply", "TrueDivide")


@dataclass
class GainPlan:
    """What a rewrite has to do to each layer and tensor of a graph.

    Attributes:
        gains: Gain of each tensor, by its id.
        absorbed: Gain of a linear layer's input, by the layer's id; its kernel is divided by it.
        produced: Gain that a linear layer adds to its output, by the layer's id.
        restored: Factor that a tensor is multiplied with before a call that needs another gain,
            by the ids of call and tensor. Calls of the model's output have id 0.
    """

    gains: dict[int, Gain] = field(default_factory=dict)
    absorbed: dict[int, Gain] = field(default_factory=dict)
    produced: dict[int, Gain] = field(default_factory=dict)
    restored: dict[tuple[int, int], Gain] = field(default_factory=dict)


def plan_gains(graph: Graph) -> GainPlan:
    """Returns the gains with which every constant factor that can be absorbed is absorbed."""
    return _Planner(graph).plan()


def has_constant_factors(model: keras.Model) -> bool:
    """Whether a functional model, or one inside it, holds a layer that is rewritten."""
    return any(
        has_constant_factors(operation)
        if isinstance(operation, keras.Model)
        else _is_rewritten(operation)
        for operation in as_functional(model).operations
    )


def _is_rewritten(operation: keras.Operation) -> bool:
    hard = is_hard_swish(operation) or is_hard_sigmoid(operation)
    scales = isinstance(operation, layers.Normalization | layers.Rescaling)
    return hard or scales or operator(operation) in _PRODUCTS


def operator(operation: keras.Operation) -> str | None:
    """Returns the name of an operator, e.g. "Multiply" for `x * y`; None for a layer."""
    return None if isinstance(operation, keras.Layer) else type(operation).__name__


def activation_of(operation: keras.Operation) -> Callable[..., Any] | None:
    """Returns the function of an Activation layer or of a layer with a fused activation."""
    return getattr(operation, "activation", None)


def is_hard_swish(operation: keras.Operation) -> bool:
    """Whether the operation is a layer that does nothing but hard-swish."""
    return _is_activation(operation, keras.activations.hard_silu)


def is_hard_sigmoid(operation: keras.Operation) -> bool:
    """Whether the operation is a layer that does nothing but hard-sigmoid."""
    return _is_activation(operation, keras.activations.hard_sigmoid)


def constant_factor(call: Call) -> float | None:
    """Returns the positive number that the call multiplies one tensor with, or None.

    Knows `x * c`, `c * x` and `x / c`.
    """
    name = operator(call.operation)
    if name not in _PRODUCTS or len(call.inputs) != 1 or len(call.args) != 2:
        return None
    if not _is_float(call):
        return None
    x, y = call.args
    constant = x if isinstance(y, keras.KerasTensor) else y
    if not isinstance(constant, int | float) or constant <= 0:
        return None
    if name == "Multiply":
        return float(constant)
    return None if constant is x else 1.0 / constant


def _is_activation(operation: keras.Operation, function: Callable[..., Any]) -> bool:
    return is_exactly(operation, layers.Activation) and operation.activation is function


class _Planner:
    """Goes through the calls in order; each rule gives the gain of what its call returns."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.result = GainPlan()
        self._producers = {id(y): call for call in graph.calls for y in tensors(call.outputs)}
        self._readers = Counter(id(x) for call in graph.calls for x in call.inputs)
        self._readers.update(id(x) for x in tensors(graph.outputs))
        self._times_called = Counter(id(call.operation) for call in graph.calls)

    def plan(self) -> GainPlan:
        self.result.gains = {id(x): ONE for x in tensors(self.graph.inputs)}
        for call in self.graph.calls:
            gain = _rule(call)(self, call)
            self.result.gains.update((id(y), gain) for y in tensors(call.outputs))
        for y in tensors(self.graph.outputs):
            self._restore(0, y, ONE)
        return self.result

    def gain(self, x: keras.KerasTensor) -> Gain:
        return self.result.gains[id(x)]

    def nothing(self, call: Call) -> Gain:
        """Rule of an operation that needs the original's values and returns such."""
        for x in call.inputs:
            self._restore(id(call), x, ONE)
        return ONE

    def linear(self, call: Call) -> Gain:
        """Rule of a layer whose weights absorb the gain of its input, that of its first call."""
        (x,) = call.inputs
        gain = self.gain(x)
        if not _absorbs(call.operation, gain):
            return self.nothing(call)
        self._restore(id(call), x, self.result.absorbed.setdefault(id(call.operation), gain))
        return ONE

    def homogeneous(self, call: Call) -> Gain:
        """Rule of f with f(gain * x) = gain * f(x)."""
        gain = self.gain(call.inputs[0])
        first = getattr(call.operation, "data_format", None) == "channels_first"
        return self.nothing(call) if first and gain.ndim else gain

    def mixing(self, call: Call) -> Gain:
        """Rule of a layer that only moves values, also from channel to channel."""
        gain = self.gain(call.inputs[0])
        return gain if gain.ndim == 0 else self.nothing(call)

    def hard(self, call: Call) -> Gain:
        """Rule of hard-swish and hard-sigmoid, which are rewritten without their 1/6."""
        self.nothing(call)
        return HARD_GAIN

    def factor(self, call: Call, factor: float) -> Gain:
        """Rule of a multiplication by a constant, which is left out."""
        return self.gain(call.inputs[0]) / factor

    def rescaling(self, call: Call) -> Gain:
        """Rule of Rescaling, of which only the offset is left."""
        self._take_original_if_shared(call)
        return self._received(call) / np.asarray(call.operation.scale, np.float64)

    def normalization(self, call: Call) -> Gain:
        """Rule of Normalization, of which only the subtraction of the mean is left."""
        self._take_original_if_shared(call)
        return self._received(call) * normalization_statistics(call.operation)[1]

    def product(self, call: Call) -> Gain:
        gain = ONE
        for x in call.inputs:
            gain = gain * self.gain(x)
        return gain

    def sum(self, call: Call) -> Gain:
        """Rule of an operation that needs one gain for all its inputs."""
        inputs = call.inputs
        if len(inputs) < 2:
            return self.nothing(call)
        fixed = [self.gain(x) for x in inputs if not self._adjustable(x)]
        target = fixed[0] if fixed and fixed[0].ndim == 0 else ONE
        for x in inputs:
            if np.array_equal(self.gain(x), target):
                continue
            if self._adjustable(x):
                self._adjust(x, target)
            else:
                self._restore(id(call), x, target)
        return target

    def _take_original_if_shared(self, call: Call) -> None:
        """One layer has one offset: called again, it needs inputs of one gain."""
        if self._times_called[id(call.operation)] > 1:
            self.nothing(call)

    def _received(self, call: Call) -> Gain:
        """Returns the gain of the input as the call gets it, restored or not."""
        x = call.inputs[0]
        return self.gain(x) * self.result.restored.get((id(call), id(x)), ONE)

    def _restore(self, call_id: int, x: keras.KerasTensor, target: Gain) -> None:
        if not np.array_equal(self.gain(x), target):
            self.result.restored[call_id, id(x)] = target / self.gain(x)

    def _path_to_linear(self, x: keras.KerasTensor) -> list[Call]:
        """Calls from x back to the linear layer that makes it; empty if others would notice."""
        path: list[Call] = []
        while self._readers[id(x)] == 1 and id(x) in self._producers:
            call = self._producers[id(x)]
            path.append(call)
            if id(call.operation) in self.result.absorbed:
                once = self._times_called[id(call.operation)] == 1
                return path if once and _scales(call.operation) else []
            if not isinstance(call.operation, keras.Layer) or not _is_homogeneous(call):
                return []
            x = call.inputs[0]
        return []

    def _adjustable(self, x: keras.KerasTensor) -> bool:
        return np.array_equal(self.gain(x), ONE) and bool(self._path_to_linear(x))

    def _adjust(self, x: keras.KerasTensor, target: Gain) -> None:
        path = self._path_to_linear(x)
        for call in path:
            self.result.gains.update((id(y), target) for y in tensors(call.outputs))
        self.result.produced[id(path[-1].operation)] = target


def normalization_statistics(layer: layers.Normalization) -> tuple[Gain, Gain]:
    """Returns mean and standard deviation of a Normalization layer, one a channel."""
    mean, variance = np.ravel(layer.mean), np.ravel(layer.variance)
    deviation = np.maximum(np.sqrt(variance.astype(np.float64)), keras.config.epsilon())
    return mean.astype(np.float64), deviation


def along_inputs(layer: keras.Layer, gain: Gain) -> Gain:
    """Returns a gain in the shape in which it divides the input channels of a layer's kernel."""
    if gain.ndim == 0 or isinstance(layer, layers.Conv2DTranspose):
        return gain  # the transposed kernel, (height, width, filters, channels), ends in them
    return gain[:, np.newaxis]


def _absorbs(layer: keras.Layer, gain: Gain) -> bool:
    if isinstance(layer, layers.BatchNormalization):
        # Its epsilon is absorbed too, which leaves a positive variance only from 1 up.
        rank = layer.input_spec.ndim
        return bool(np.all(gain >= 1.0)) and layer.axis % rank == rank - 1
    if getattr(layer, "lora_enabled", False):
        return False
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    return gain.ndim == 0 or (last and getattr(layer, "groups", 1) == 1)


def _scales(layer: keras.Layer) -> bool:
    """Whether the layer can multiply its output with a constant without another operation."""
    if isinstance(layer, layers.BatchNormalization):
        return bool(layer.scale and layer.center)
    return activation_of(layer) in (None, keras.activations.linear, keras.activations.relu)


_OURS = {layers.BatchNormalization: BatchNormalization}
_LINEAR = (
    layers.BatchNormalization,
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.Dense,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)
_HOMOGENEOUS = (
    layers.AveragePooling2D,
    layers.Cropping2D,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.Identity,
    layers.LeakyReLU,
    layers.MaxPooling2D,
    layers.PReLU,
    layers.RandomFlip,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    SpecCarrier,
    layers.SpatialDropout3D,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
)
# Where they fill with 0.
_HOMOGENEOUS_MOVES = (
    layers.RandomRotation,
    layers.RandomShear,
    layers.RandomTranslation,
    layers.RandomZoom,
)
_MIXING = (layers.Flatten, layers.Permute, layers.Reshape)
_SUMS = (
    layers.Add,
    layers.Average,
    layers.Concatenate,
    layers.Maximum,
    layers.Minimum,
    layers.Subtract,
)
_HOMOGENEOUS_ACTIVATIONS = (
    keras.activations.leaky_relu,
    keras.activations.linear,
    keras.activations.relu,
)


def _is_homogeneous(call: Call) -> bool:
    operation = call.operation
    if is_exactly(operation, layers.Activation):
        return operation.activation in _HOMOGENEOUS_ACTIVATIONS
    if is_exactly(operation, layers.ReLU):
        return operation.max_value is None and operation.threshold == 0
    if is_exactly(operation, *_HOMOGENEOUS_MOVES):
        return operation.fill_value == 0
    return is_exactly(operation, *_HOMOGENEOUS)


def is_rescaling(call: Call) -> bool:
    """Whether the call is a Rescaling with scales above 0."""
    operation = call.operation
    return (
        is_exactly(operation, layers.Rescaling)
        and _is_float(call)
        and np.ndim(operation.scale) <= 1
        and np.ndim(operation.offset) <= 1
        and bool(np.all(np.asarray(operation.scale) > 0))
    )


def is_normalization(call: Call) -> bool:
    """Whether the call is a Normalization layer (not the inverse of one)."""
    operation = call.operation
    if not is_exactly(operation, layers.Normalization) or operation.invert or not _is_float(call):
        return False
    last = len(call.inputs[0].shape) - 1
    return tuple(axis % (last + 1) for axis in operation.axis) in ((), (last,))


def _is_float(call: Call) -> bool:
    """Whether the input is float already; else the operation converts it too."""
    return "float" in call.inputs[0].dtype


def is_exactly(operation: keras.Operation, *kinds: type) -> bool:
    """Whether an operation is a Keras layer of these kinds, or one of ours that computes the same.

    A subclass from elsewhere may do anything with its kernel.
    """
    return type(operation) in (*kinds, *(_OURS[kind] for kind in kinds if kind in _OURS))


def _is_kind(*kinds: type) -> Callable[[Call], bool]:
    return lambda call: is_exactly(call.operation, *kinds)


def _is_operator(*names: str) -> Callable[[Call], bool]:
    return lambda call: operator(call.operation) in names


# The first test that holds gives the rule; what passes none needs the original's values.
_RULES: tuple[tuple[Callable[[Call], bool], Callable[[_Planner, Call], Gain]], ...] = (
    (_is_kind(*_LINEAR), _Planner.linear),
    (_is_homogeneous, _Planner.homogeneous),
    (_is_kind(*_MIXING), _Planner.mixing),
    (lambda call: is_hard_swish(call.operation), _Planner.hard),
    (lambda call: is_hard_sigmoid(call.operation), _Planner.hard),
    (is_rescaling, _Planner.rescaling),
    (is_normalization, _Planner.normalization),
    (_is_kind(layers.Multiply), _Planner.product),
    (_is_kind(*_SUMS), _Planner.sum),
    (_is_operator("Add", "Subtract"), _Planner.sum),
)


def _rule(call: Call) -> Callable[[_Planner, Call], Gain]:
    factor = constant_factor(call)
    if factor is not None:
        return partial(_Planner.factor, factor=factor)
    if operator(call.operation) == "Multiply" and len(call.inputs) == 2:
        return _Planner.product
    return next((rule for test, rule in _RULES if test(call)), _Planner.nothing)
