"""How many pixels of the input lie between two neighbours of a feature map."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, TypeVar

import keras

Fact = TypeVar("Fact")
Factor = tuple[Fraction, Fraction]  # of height and width

_ONE: Factor = (Fraction(1), Fraction(1))
# Layers whose output size does not depend on the size of the input.
_OF_FIXED_SIZE = (
    keras.layers.AdaptiveAveragePooling2D,
    keras.layers.AdaptiveMaxPooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Resizing,
)


def output_strides(model: keras.Model) -> dict[str, Factor | None]:
    """Returns the stride of each layer's output relative to the input, by the layer's name.

    It is the product of the strides of convolutions and poolings on the way from the input, over
    the factors of what enlarges the map again. Padding does not matter. It is None for vectors, for
    maps pooled to a pixel, and where paths of different strides meet.

    Args:
        model: Functional or built Sequential model. A layer that is called more than once has the
            stride of its last call; layers of models inside it are not listed.

    Example:
        >>> output_strides(MobileNetV2())["stage3_block1_project_bn"]
        (Fraction(8, 1), Fraction(8, 1))
    """
    return along_graph(model, _ONE, _stride)


def along_graph(
    model: keras.Model, start: Fact, step: Callable[[Any, list[Fact]], Fact]
) -> dict[str, Fact]:
    """Returns a fact on each layer's output, by the layer's name, as it follows from its inputs'.

    Args:
        model: Functional or built Sequential model. A layer that is called more than once has the
            fact of its last call; layers of models inside it are not listed.
        start: The fact on the inputs.
        step: Takes a layer and the facts on its inputs, and returns that on its output.
    """
    facts: dict[str, Fact] = {}
    _run(model, [_Known(start)] * len(model.inputs), step, facts)
    return facts


@dataclass(frozen=True)
class _Known(Generic[Fact]):
    """What stands for a tensor."""

    fact: Fact


def _run(
    model: keras.Model,
    inputs: list[_Known[Fact]],
    step: Callable[[Any, list[Fact]], Fact],
    facts: dict[str, Fact],
) -> Any:
    """Runs the graph on facts instead of tensors, with Keras' own loop as `complexity` does."""

    def operation(layer: Any) -> Callable[..., Any]:
        def compute(*args: Any, **kwargs: Any) -> Any:
            known = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, _Known)]
            if isinstance(layer, keras.Function | keras.Sequential):
                return _run(layer, known, step, {})
            facts[layer.name] = step(layer, [x.fact for x in known])
            results = keras.tree.flatten(layer._inbound_nodes[-1].outputs)
            return [_Known(facts[layer.name]) for _ in results]

        return compute

    # A sequential model keeps its graph to itself; a functional one around it is the same graph.
    graph = (
        keras.Model(model.inputs, model.outputs) if isinstance(model, keras.Sequential) else model
    )
    structured = keras.tree.pack_sequence_as(graph.input, inputs)
    outputs = graph._run_through_graph(structured, operation_fn=operation)
    return keras.tree.flatten(outputs)


def _stride(layer: Any, strides: list[Factor | None]) -> Factor | None:
    """Returns the stride of what a layer gives for maps of these strides."""
    known = {stride for stride in strides if stride is not None}
    if len(known) != 1:
        return None
    factor = factor_of(layer)
    return None if factor is None else _product(known.pop(), factor)


def _product(one: Factor, other: Factor) -> Factor:
    return one[0] * other[0], one[1] * other[1]


def factor_of(layer: Any) -> Factor | None:
    """Returns by how much a layer makes a map smaller; None if its output is not a map."""
    if isinstance(layer, _OF_FIXED_SIZE):
        return None
    kind = type(layer).__name__
    if kind == "SpaceToDepth":
        return pair(layer.block_size)
    if kind == "DepthToSpace":
        return _inverse(pair(layer.block_size))
    if isinstance(layer, keras.layers.UpSampling2D):
        return _inverse(pair(layer.size))
    if not hasattr(layer, "strides"):
        return _factor_of_shapes(layer)
    strides = pair(layer.strides)
    return _inverse(strides) if isinstance(layer, keras.layers.Conv2DTranspose) else strides


def pair(size: Any) -> Factor:
    """Returns the size on both axes, which may be one number for both."""
    height, width = size if isinstance(size, tuple | list) else (size, size)
    return Fraction(height), Fraction(width)


def _inverse(factor: Factor) -> Factor:
    return 1 / factor[0], 1 / factor[1]


def _factor_of_shapes(layer: Any) -> Factor | None:
    """Returns 1 unless shapes contradict it by more than some padding, as those of a Reshape do."""
    node = layer._inbound_nodes[-1]
    after = keras.tree.flatten(node.outputs)[0].shape
    if len(after) != 4:
        return None
    factors = []
    for axis in (1, 2):
        before = {x.shape[axis] for x in node.input_tensors if len(x.shape) == 4} - {None, 1}
        known = len(before) == 1 and after[axis] is not None
        factors.append(_rounded(Fraction(before.pop(), after[axis])) if known else Fraction(1))
    return factors[0], factors[1]


def _rounded(ratio: Fraction) -> Fraction:
    """Returns the whole number nearest to a ratio of sizes, or its inverse."""
    return Fraction(round(ratio)) if ratio >= 1 else 1 / Fraction(round(1 / ratio))
