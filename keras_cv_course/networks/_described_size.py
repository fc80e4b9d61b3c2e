"""Holds what a saved model describes against what it stores, before anything is allocated.

A few bytes of configuration describe a layer of a billion units, or a million layers. Keras builds
them, and finds afterwards that the file has no weights for them.
"""

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras

# Of layers and of their calls. The largest networks of keras.applications have a thousand.
_MOST_CALLS = 10_000
# Of one tensor for one sample: an image of 8192 x 8192 with 16 channels.
_MOST_VALUES = 2**30
# Weights that Keras keeps and does not store are counters and seeds; packed ones of 4 bits are two
# in a byte.
_FREE_WEIGHTS = 2**16
_MOST_RATIO = 2


def check_calls(config: Any) -> None:
    """Raises ValueError if a configuration describes more layers than any network has.

    Args:
        config: What Keras wrote as JSON.
    """
    calls = 0
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            layers = item.get("layers")
            calls += len(layers) if isinstance(layers, list) else 0
            nodes = item.get("inbound_nodes")
            calls += len(nodes) if isinstance(nodes, list) else 0
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    if calls > _MOST_CALLS:
        raise ValueError(
            f"it describes {calls:,} layers and calls of layers. At most {_MOST_CALLS:,} are read"
        )


def check_described(build: Callable[[], keras.Model], stored: int) -> None:
    """Raises ValueError if a model has far more weights than its file, or gigantic tensors.

    Args:
        build: Makes the model. It is called in a thread of its own, where Keras gives variables
            shapes and no values; what remains of it ends with the thread.
        stored: Number of weights that the file holds.
    """
    outcome: list[BaseException | None] = []

    def described() -> None:
        try:
            with keras.StatelessScope(initialize_variables=False):
                model = build()
                _check_weights(model, stored)
                _check_tensors(model)
            outcome.append(None)
        # Whatever building raises is handed to the thread that asked.
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=described)
    thread.start()
    thread.join()
    if outcome[0] is not None:
        raise outcome[0]


def _check_weights(model: keras.Model, stored: int) -> None:
    weights = sum(math.prod(variable.shape) for variable in model.variables)
    if weights > _FREE_WEIGHTS + _MOST_RATIO * stored:
        raise ValueError(f"it describes {weights:,} weights and holds {stored:,}")


def _check_tensors(model: keras.Model) -> None:
    for operation in _operations(model):
        # An operation that is never called, as in a model without a graph, has no output.
        for tensor in keras.tree.flatten(getattr(operation, "output", None)):
            values = math.prod(size or 1 for size in tensor.shape[1:])
            if values > _MOST_VALUES:
                raise ValueError(
                    f"layer {operation.name!r} makes {values:,} values of a sample. At most "
                    f"{_MOST_VALUES:,} are accepted"
                )


def _operations(model: keras.Model) -> Iterator[Any]:
    for operation in getattr(model, "operations", getattr(model, "layers", ())):
        yield operation
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
