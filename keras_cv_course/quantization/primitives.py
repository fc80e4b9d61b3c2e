"""The graph pass that writes a model in the operations that integer kernels have."""

from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_cv_course._unique_names import free_name
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.quantization import distances
from keras_cv_course.quantization.gains import constant_factor, is_exactly, operator
from keras_cv_course.quantization.graph import Call, remake, run, tensors, trace

_FUSED = (
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.Dense,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)
# Operators on tensors, e.g. `keras.ops.relu(x)`, that are an activation.
_ACTIVATION_OPERATORS = {
    "HardSigmoid": keras.activations.hard_sigmoid,
    "HardSilu": keras.activations.hard_silu,
    "Relu": keras.activations.relu,
    "Relu6": keras.activations.relu6,
    "Sigmoid": keras.activations.sigmoid,
    "Silu": keras.activations.silu,
    "Tanh": keras.activations.tanh,
}


def split_into_primitives(model: keras.Model, keep: Collection[str] = ()) -> keras.Model:
    """Returns a model with the same outputs, with one arithmetic operation a layer.

    Fused activations become layers, a separable convolution two, swish a sigmoid and a product,
    an average sums and a factor, a rescaling a factor and an offset, a distance what it is made of.
    Products with constants become a rescaling.
    Upsampling by repetition and normalization to length 1 take the form that the converter knows.

    Args:
        model: Functional or built Sequential model; it is left as it is. Sub-models are opened.
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
        for test, split in _SPLITS:
            if test(call):
                return split(_Maker(call, made, taken), *args, **kwargs)
        return call.operation(*args, **kwargs)

    outputs = run(graph, tensors(graph.inputs), write)
    return keras.Model(graph.inputs, outputs, name=model.name)


class _Maker:
    """Makes the layers that one operation becomes, once for all of its calls."""

    def __init__(
        self, call: Call, made: dict[tuple[int, str], keras.Layer], taken: set[str]
    ) -> None:
        self.operation = call.operation
        self._made = made
        self._taken = taken

    def layer(self, suffix: str, make: Callable[[str], keras.Layer]) -> keras.Layer:
        """Returns what `make` makes of the operation's name with a suffix."""
        key = id(self.operation), suffix
        if key not in self._made:
            name = self.operation.name
            self._made[key] = make(free_name(f"{name}_{suffix}", self._taken) if suffix else name)
        return self._made[key]

    def by_pairs(self, kind: type[keras.Layer], inputs: list[Any], suffix: str) -> Any:
        """Returns a sum or product of several tensors, by layers of two inputs."""
        result = inputs[0]
        for i, x in enumerate(inputs[1:], 2):
            part = suffix if i == len(inputs) else f"{suffix}_{i}".strip("_")
            result = self.layer(part, lambda name: kind(name=name))([result, x])
        return result

    def activation(
        self, function: Callable[..., Any], x: Any, suffix: str = "", **options: Any
    ) -> Any:
        """Returns an activation of x, itself in primitives."""
        if function is keras.activations.linear:
            return x
        if function is keras.activations.silu:
            gate = self.activation(keras.activations.sigmoid, x, f"{suffix}_gate".strip("_"))
            product = self.layer(suffix, lambda name: layers.Multiply(name=name))
            return product([x, gate])
        if function is keras.activations.leaky_relu:
            make = lambda name: layers.LeakyReLU(0.2, name=name)  # noqa: E731
        elif function is keras.activations.softmax:
            make = lambda name: layers.Softmax(name=name)  # noqa: E731
        else:
            make = lambda name: layers.Activation(function, name=name)  # noqa: E731
        return self.layer(suffix, make)(x)


def _split_fused(maker: _Maker, x: Any) -> Any:
    layer = maker.operation

    def make(name: str) -> keras.Layer:
        linear = remake(layer, activation="linear")
        linear.build(x.shape)
        linear.set_weights(layer.get_weights())
        return linear

    return maker.activation(layer.activation, maker.layer("", make)(x), layer.activation.__name__)


def _split_separable(maker: _Maker, x: Any) -> Any:
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


def _split_several(maker: _Maker, inputs: list[Any]) -> Any:
    return maker.by_pairs(type(maker.operation), inputs, "")


def _split_average(maker: _Maker, inputs: list[Any]) -> Any:
    total = maker.by_pairs(layers.Add, inputs, "sum")
    factor = 1.0 / len(inputs)
    return maker.layer("", lambda name: layers.Rescaling(factor, name=name))(total)


def _split_rescaling(maker: _Maker, x: Any) -> Any:
    layer = maker.operation
    scaled = maker.layer("scale", lambda name: layers.Rescaling(layer.scale, name=name))(x)
    return maker.layer("", lambda name: layers.Rescaling(1.0, layer.offset, name=name))(scaled)


def _split_offset(maker: _Maker, x: Any, y: Any) -> Any:
    x, offset = (x, y) if isinstance(x, keras.KerasTensor) else (y, x)
    offset = np.asarray(offset, np.float64)
    if operator(maker.operation) == "Subtract":
        offset = -offset
    return maker.layer("", lambda name: layers.Rescaling(1.0, offset.tolist(), name=name))(x)


def _split_factor(maker: _Maker, x: Any, y: Any) -> Any:
    x, factor = (x, y) if isinstance(x, keras.KerasTensor) else (y, x)
    scale = keras.ops.convert_to_numpy(factor).astype(np.float64)
    if operator(maker.operation) == "TrueDivide":
        scale = 1.0 / scale
    return maker.layer("", lambda name: layers.Rescaling(scale.tolist(), name=name))(x)


def _split_negative(maker: _Maker, x: Any) -> Any:
    return maker.layer("", lambda name: layers.Rescaling(-1.0, name=name))(x)


def _split_square(maker: _Maker, x: Any, *exponent: Any) -> Any:
    return maker.layer("", lambda name: layers.Multiply(name=name))([x, x])


def _split_nothing(maker: _Maker, x: Any, *options: Any) -> Any:
    return x


def _split_activation(maker: _Maker, x: Any) -> Any:
    return maker.activation(maker.operation.activation, x)


def _split_operator(maker: _Maker, x: Any) -> Any:
    return maker.activation(_ACTIVATION_OPERATORS[operator(maker.operation) or ""], x)


def _split_relu(maker: _Maker, x: Any) -> Any:
    slope = maker.operation.negative_slope
    return maker.layer("", lambda name: layers.LeakyReLU(slope, name=name))(x)


def _split_nearest(maker: _Maker, x: Any) -> Any:
    layer = maker.operation
    _, height, width, _ = layer.compute_output_shape(x.shape)
    make = lambda name: layers.Resizing(height, width, "nearest", name=name)  # noqa: E731
    return maker.layer(f"to_{height}x{width}", make)(x)


def _split_unit(maker: _Maker, x: Any) -> Any:
    return maker.activation(l2_normalize, x)


def _split_distance(maker: _Maker, inputs: list[Any]) -> Any:
    return distances.SPLITS[type(maker.operation)](maker.layer, inputs)


def _has_fused_activation(call: Call) -> bool:
    fused = is_exactly(call.operation, *_FUSED)
    return fused and call.operation.activation is not keras.activations.linear


def _is_separable(call: Call) -> bool:
    return is_exactly(call.operation, layers.SeparableConv2D)


def _is_split_activation(call: Call) -> bool:
    return is_exactly(call.operation, layers.Activation) and call.operation.activation in (
        keras.activations.silu,
        keras.activations.leaky_relu,
        keras.activations.softmax,
    )


def _is_activation_operator(call: Call) -> bool:
    """Whether the call is an operator that stands for an activation without other arguments."""
    name = operator(call.operation)
    return name in _ACTIVATION_OPERATORS and len(call.args) == 1 and not call.kwargs


def _is_leaky(call: Call) -> bool:
    layer = call.operation
    return (
        is_exactly(layer, layers.ReLU)
        and layer.negative_slope > 0
        and layer.threshold == 0
        and layer.max_value is None
    )


def _is_affine(call: Call) -> bool:
    return (
        is_exactly(call.operation, layers.Rescaling)
        and bool(np.any(np.asarray(call.operation.offset) != 0))
        and bool(np.any(np.asarray(call.operation.scale) != 1))
    )


def _is_offset(call: Call) -> bool:
    """Whether the call is `x + c`, `c + x` or `x - c` for one number, or one a channel."""
    name = operator(call.operation)
    if name not in ("Add", "Subtract") or len(call.inputs) != 1 or len(call.args) != 2:
        return False
    x, y = call.args
    if name == "Subtract" and not isinstance(x, keras.KerasTensor):
        return False
    constant = y if isinstance(x, keras.KerasTensor) else x
    channels = call.inputs[0].shape[-1]
    return isinstance(constant, int | float | np.ndarray) and (
        np.shape(constant) in ((), (channels,)) and "float" in call.inputs[0].dtype
    )


def _is_factor(call: Call) -> bool:
    """Whether the call is `x * c`, `c * x` or `x / c` for numbers that its result is as large as.

    One number above 0 is left to `gains`.
    """
    name = operator(call.operation)
    if name not in ("Multiply", "TrueDivide") or len(call.inputs) != 1 or len(call.args) != 2:
        return False
    if constant_factor(call) is not None or "float" not in call.inputs[0].dtype:
        return False
    x, y = call.args
    if name == "TrueDivide" and not isinstance(x, keras.KerasTensor):
        return False
    constant = keras.ops.convert_to_numpy(y if isinstance(x, keras.KerasTensor) else x)
    divides_by_0 = name == "TrueDivide" and not np.all(constant)
    return (
        not divides_by_0 and constant.ndim < len(call.outputs.shape) and _has_shape_of_input(call)
    )


def _has_shape_of_input(call: Call) -> bool:
    return tuple(call.outputs.shape) == tuple(call.inputs[0].shape)


def _is_square(call: Call) -> bool:
    """Whether the call is `x * x` written as a square or power of 2."""
    name = operator(call.operation)
    power = name == "Power" and len(call.inputs) == 1 and len(call.args) == 2
    return name == "Square" or (power and call.inputs[0] is call.args[0] and call.args[1] == 2)


def _is_cast_to_itself(call: Call) -> bool:
    is_cast = operator(call.operation) == "Cast"
    return is_cast and call.inputs[0].dtype == call.outputs.dtype


def _has_several(call: Call) -> bool:
    several = is_exactly(call.operation, layers.Add, layers.Multiply)
    return several and len(call.inputs) > 2


def _is_nearest(call: Call) -> bool:
    """Whether the call repeats the pixels of a map of known size, which Keras does by tiling."""
    layer = call.operation
    return (
        is_exactly(layer, layers.UpSampling2D)
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
        and None not in call.inputs[0].shape[1:]
    )


def _is_unit(call: Call) -> bool:
    operation, last = call.operation, len(call.inputs[0].shape) - 1
    if operator(operation) == "Normalize":
        return operation.order == 2 and operation.axis % (last + 1) == last
    return is_exactly(operation, layers.UnitNormalization) and operation.axis in (-1, last)


_SPLITS: tuple[tuple[Callable[[Call], bool], Callable[..., Any]], ...] = (
    (_is_separable, _split_separable),
    (_has_fused_activation, _split_fused),
    (_is_split_activation, _split_activation),
    (_is_activation_operator, _split_operator),
    (_is_leaky, _split_relu),
    (lambda call: is_exactly(call.operation, layers.Average), _split_average),
    (_has_several, _split_several),
    (_is_offset, _split_offset),
    (_is_factor, _split_factor),
    (_is_square, _split_square),
    (_is_cast_to_itself, _split_nothing),
    (lambda call: operator(call.operation) == "Negative", _split_negative),
    (_is_nearest, _split_nearest),
    (_is_unit, _split_unit),
    (lambda call: type(call.operation) in distances.SPLITS, _split_distance),
    (_is_affine, _split_rescaling),
)
