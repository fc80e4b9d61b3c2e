"""What the int8 kernels of XNNPACK compute, to the bit, with floats that hold their integers.

To round a sum to a step is not yet what a kernel does: its bias is an integer, and the factor from
the accumulator's step to the output's a float32. The difference is a step in a thousandth of the
values, and a network multiplies it from layer to layer. In inference, therefore, the layer that
rounds looks back in the graph at what has made its input, recovers the accumulator, which is an
integer, and goes the kernel's way from there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_cv_course.quantization.graph import Call
from keras_cv_course.quantization.grid import Grid, Kernel, nearest
from keras_cv_course.quantization.keep_float import KeepFloat
from keras_cv_course.quantization.operations import kind_of, rule_of
from keras_cv_course.quantization.operations.kind import LINEAR, Making, Output, Part, unfolded


def kernel_behind(
    x: keras.KerasTensor, operands: Sequence[keras.KerasTensor], rounding: type[keras.Layer]
) -> Kernel:
    """Returns the kernel that makes a tensor; one that only rounds where nothing more is known.

    Args:
        x: Input of a layer that rounds.
        operands: What the arithmetic reads, see `reads_operands`.
        rounding: Class of the layers that round.

    Returns:
        A function of the values of x, those of the operands, and the grid to round to.
    """
    if isinstance(_calls(x)[-1].operation, keras.layers.InputLayer | KeepFloat):
        return _input
    parts = _parts(x)
    if not parts:
        return nearest
    head, *fused = parts
    makers = [_rounded_by(y, rounding) for y in operands or head.call.inputs[:1]]
    if None in makers:
        return nearest
    return head.form.arithmetic(Making(head, tuple(fused), tuple(makers), bool(operands)))


def readers_with_bounds(
    layer: keras.Layer,
) -> list[tuple[keras.Layer | None, Callable[[Any], Any]]]:
    """Returns what bounds the range of what a layer has rounded from below, see `scale_bounds`.

    Returns:
        Bounds of kernels that read it, each with the layer that rounds what the kernel makes, if
        that is one of the same class and the kernel is given its operands.
    """
    bounds: dict[int, tuple[keras.Layer | None, Callable[[Any], Any]]] = {}
    nodes = list(layer._outbound_nodes)
    while nodes:
        node = nodes.pop()
        arguments, operation = node.arguments, node.operation
        if isinstance(operation, type(layer)):
            for head in _parts(arguments.args[0])[:1] if arguments.kwargs.get("operands") else ():
                bounds |= {id(operation): (operation, b) for b in head.form.bounds.values()}
            continue
        kind = kind_of(operation)
        form = None if kind is None else kind.int8
        rule = rule_of(Call(operation, arguments.args, arguments.kwargs, node.outputs))
        if form is None or rule is None:
            continue
        if rule.output is Output.FIXED:
            bounds |= {id(operation): (None, bound) for bound in form.bounds.values()}
        if rule.output in (Output.SAME, Output.JOINED):
            nodes.extend(operation._outbound_nodes)
    return list(bounds.values())


def reads_operands(call: Call) -> bool:
    """Whether the arithmetic of a call needs to know what it reads."""
    kind = kind_of(call.operation)
    return kind is not None and kind.int8 is not None and kind.int8.reads_operands(call)


def _input(y: Any, operands: Sequence[Any], out: Grid) -> Any:
    return out.values(y * (1.0 / out.stored))


def _calls(x: keras.KerasTensor) -> list[Call]:
    """Returns the call that makes a tensor, and those before it that its kernel may hold."""
    calls = [_call(x)]
    while _may_be_inside(calls[-1].operation):
        calls.append(_call(calls[-1].inputs[0]))
    return calls


def _parts(x: keras.KerasTensor) -> list[Part]:
    """Returns the call whose kernel computes a tensor, and the calls fused into it, in order.

    Empty where no kernel is known that makes it.
    """
    calls = _calls(x)
    rule = rule_of(calls[-1])
    if len(calls) > 1 and (rule is None or not (rule.takes_relu or rule.takes_constants)):
        calls.pop()
    kinds = [kind_of(call.operation) for call in calls]
    forms = [None if kind is None else kind.int8 for kind in kinds]
    if forms[-1] is None:
        return []
    parts = zip(calls, forms, strict=True)
    return [Part(call, form) for call, form in reversed(list(parts)) if form is not None]


def _call(x: keras.KerasTensor) -> Call:
    """Returns the call that has made a tensor of a model."""
    operation, index, _ = x._keras_history
    node = operation._inbound_nodes[index]
    return Call(operation, node.arguments.args, node.arguments.kwargs, node.outputs)


def _may_be_inside(operation: keras.Operation) -> bool:
    kind = kind_of(operation)
    if kind is None or kind.int8 is None:
        return False
    return kind.int8.folded is not unfolded or kind.int8.taken_by(LINEAR, operation)


def _rounded_by(x: keras.KerasTensor, rounding: type[keras.Layer]) -> Any:
    """Returns the layer that has rounded a tensor, before it was only moved; or None."""
    while True:
        call = _call(x)
        if isinstance(call.operation, rounding):
            return call.operation
        rule = rule_of(call)
        if rule is None or rule.output not in (Output.SAME, Output.JOINED) or not call.inputs:
            return None
        x = call.inputs[0]
