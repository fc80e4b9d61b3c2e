"""A functional model as a flat list of calls, which a rewrite can replay with changes."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras.src.saving.serialization_lib import SafeModeScope

from keras_cv_course._unique_names import free_name, unique_names
from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.layers.grouped_convolution import GroupedConv2D


@dataclass(frozen=True)
class Call:
    """One call of an operation in a model.

    Attributes:
        operation: The layer (or operator, e.g. the one behind `x + 1`) that is called.
        args: Its positional arguments; tensors among them are outputs of earlier calls.
        kwargs: Its keyword arguments.
        outputs: What it returned: a tensor or a structure of tensors.
    """

    operation: keras.Operation
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """Tensors among the arguments, in order."""
        return tensors((self.args, self.kwargs))


@dataclass(frozen=True)
class Graph:
    """A model without its nesting: sub-models are opened, shared layers stay shared.

    Attributes:
        name: Name of the model.
        inputs: Structure of symbolic inputs, as the model takes them.
        calls: Calls in an order in which they can run.
        outputs: Structure of outputs, as the model returns them.
    """

    name: str
    inputs: Any
    calls: tuple[Call, ...]
    outputs: Any


def tensors(structure: Any) -> list[keras.KerasTensor]:
    """Returns the symbolic tensors in a nested structure, in order."""
    return [x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor)]


_OURS = {
    keras.layers.BatchNormalization: BatchNormalization,
    keras.layers.Conv2D: GroupedConv2D,
}


def is_exactly(operation: keras.Operation, *kinds: type) -> bool:
    """Whether an operation is a Keras layer of these kinds, or one of ours that computes the same.

    A subclass from elsewhere may do anything with its kernel.
    """
    return type(operation) in (*kinds, *(_OURS[kind] for kind in kinds if kind in _OURS))


def operator(operation: keras.Operation) -> str | None:
    """Returns the name of an operator, e.g. "Multiply" for `x * y`; None for a layer."""
    return None if isinstance(operation, keras.Layer) else type(operation).__name__


def activation_of(operation: keras.Operation) -> Callable[..., Any] | None:
    """Returns the function of an Activation layer or of a layer with a fused activation."""
    return getattr(operation, "activation", None)


def as_functional(model: keras.Model) -> keras.Model:
    """Returns `model` if it is functional, or the functional form of a built Sequential.

    Raises:
        TypeError: If it is not a model, or is subclassed, so that its graph cannot be read.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a keras.Model. Received: {type(model).__name__}.")
    if isinstance(model, keras.Function):
        return model
    if isinstance(model, keras.Sequential) and model.built:
        return keras.Model(model.inputs, model.outputs, name=model.name)
    raise TypeError(
        "`model` must be a functional keras.Model or a built keras.Sequential, since the graph of "
        f"a subclassed model cannot be read. Received: {type(model).__name__} {model.name!r}. "
        "Build it with keras.Model(inputs, outputs)."
    )


def input_names(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of a model's inputs: the keys of a dict, else the Input layers' names."""
    return _names(model.input, [x.name for x in model.inputs])


def output_names(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of a model's outputs: the keys of a dict, else their layers' names.

    Of several outputs of one layer, as of a head that reads all maps of a pyramid, the first has
    the layer's name and the others a number behind it: "classes", "classes_1", "classes_2".
    """
    return unique_names(_names(model.output, list(model.output_names)))


def trace(model: keras.Model) -> Graph:
    """Returns the calls of `model` on copies of its layers, so that a rewrite leaves it alone.

    Args:
        model: Functional or built Sequential model, which may hold others.

    Returns:
        Graph whose layers have the weights of the model's. Where two sub-models have layers of
        one name, the later gets the name of its sub-model, or a number, too.

    Raises:
        TypeError: If the model, or one inside it, is subclassed.
        ValueError: If a layer cannot be made again from its configuration.
    """
    return _Tracer().trace(model)


class _Tracer:
    """Copies each layer once, however often and however deep in the model it is called."""

    def __init__(self) -> None:
        self._copies: dict[int, keras.Operation] = {}
        self._names: set[str] = set()

    def trace(self, model: keras.Model, path: str = "") -> Graph:
        calls: list[Call] = []

        def copy(operation: keras.Operation) -> keras.Operation:
            return operation if isinstance(operation, keras.Model) else self._copy(operation, path)

        def call(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
            if isinstance(operation, keras.Model):
                inner = self.trace(operation, f"{path}{operation.name}_")
                return run(
                    inner,
                    tensors((args, kwargs)),
                    lambda step, *a, **k: record(step.operation, *a, **k),
                )
            return record(operation, *args, **kwargs)

        def record(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
            outputs = operation(*args, **kwargs)
            calls.append(Call(operation, args, kwargs, outputs))
            return outputs

        copied = keras.models.clone_model(
            as_functional(model), clone_function=copy, call_function=call
        )
        self._copy_weights(model)
        return Graph(model.name, copied.input, tuple(calls), copied.output)

    def _copy(self, operation: keras.Operation, path: str) -> keras.Operation:
        if id(operation) not in self._copies:
            name = self._unique(operation.name, path)
            self._copies[id(operation)] = remake(operation, name=name)
        return self._copies[id(operation)]

    def _unique(self, name: str, path: str) -> str:
        return free_name(f"{path}{name}" if name in self._names else name, self._names)

    def _copy_weights(self, model: keras.Model) -> None:
        for layer in model.layers:
            if id(layer) in self._copies and layer.weights:
                copy = self._copies[id(layer)]
                copy.set_weights(layer.get_weights())
                if isinstance(copy, keras.layers.Normalization):
                    copy.finalize_state()  # it computes with what it made of its weights


def remake(
    operation: keras.Operation,
    kind: type[keras.Operation] | None = None,
    leave_out: Collection[str] = (),
    **changes: Any,
) -> keras.Operation:
    """Returns a new operation, without weights, from the configuration of another.

    Args:
        operation: What to make again.
        kind: Class to make, if not the same.
        leave_out: Entries of the configuration that the class does not have.
        **changes: Entries of the configuration that are to be others.

    Raises:
        ValueError: If Keras cannot make the class from its configuration.
    """
    kind = kind or type(operation)
    try:
        config = {k: v for k, v in operation.get_config().items() if k not in leave_out} | changes
        with SafeModeScope(safe_mode=False):  # a Lambda of the user's own model is no danger
            made = kind.from_config(config)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"Layer {operation.name!r} must be one that Keras can make again from its "
            f"configuration. Received: a {kind.__name__} that it cannot: {error} Give its function "
            "a name with keras.saving.register_keras_serializable."
        ) from error
    if isinstance(operation, keras.layers.Lambda):
        made.function = operation.function  # that of the configuration has lost its globals
    return made


def by_position(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the arguments of a call, of which the first may have been given by its name."""
    return tuple(args or list(kwargs.values())[:1])


def readers_of(graph: Graph) -> defaultdict[int, list[Call | None]]:
    """Returns the calls that take each tensor, by its id; None is the model's output."""
    readers: defaultdict[int, list[Call | None]] = defaultdict(list)
    for call in graph.calls:
        for x in call.inputs:
            readers[id(x)].append(call)
    for y in tensors(graph.outputs):
        readers[id(y)].append(None)
    return readers


def run(
    graph: Graph,
    inputs: Sequence[keras.KerasTensor],
    call: Callable[..., Any] = lambda step, *args, **kwargs: step.operation(*args, **kwargs),
) -> Any:
    """Returns the outputs of `graph` on new inputs.

    Args:
        graph: What to run.
        inputs: One tensor for each input of the graph, in order.
        call: Makes each call; gets the `Call` of the graph and its arguments in terms of new
            tensors, and returns replacements of its outputs.
    """
    new = {id(x): y for x, y in zip(tensors(graph.inputs), inputs, strict=True)}

    def renew(x: Any) -> Any:
        return new[id(x)] if isinstance(x, keras.KerasTensor) else x

    for step in graph.calls:
        args, kwargs = keras.tree.map_structure(renew, (step.args, step.kwargs))
        outputs = call(step, *args, **kwargs)
        new.update(
            (id(x), y)
            for x, y in zip(tensors(step.outputs), keras.tree.flatten(outputs), strict=True)
        )
    return keras.tree.map_structure(renew, graph.outputs)


class Copies:
    """Makes one layer for each layer of a graph, however often that is called.

    Args:
        make: Returns the replacement of an operation.
    """

    def __init__(self, make: Callable[[keras.Operation], keras.Operation]) -> None:
        self._make = make
        self._made: dict[int, tuple[keras.Operation, keras.Operation]] = {}

    def of(self, operation: keras.Operation) -> keras.Operation:
        """Returns the replacement of an operation."""
        if id(operation) not in self._made:
            self._made[id(operation)] = operation, self._make(operation)
        return self._made[id(operation)][1]

    def set_weights(
        self, weights: Callable[[keras.Layer], list[np.ndarray]] = keras.Layer.get_weights
    ) -> None:
        """Copies the weights, once the copies were called and so have variables."""
        for old, new in self._made.values():
            if isinstance(old, keras.Layer) and old.weights:
                new.set_weights(weights(old))


def _names(structure: Any, names: list[str]) -> tuple[str, ...]:
    if isinstance(structure, Mapping) and len(structure) == len(names):
        return tuple(keras.tree.flatten({key: key for key in structure}))  # in Keras' order
    return tuple(names)
