"""Keeps the steps of an int8 file within what kernels take, see `quantization.scale_bounds`."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.quantization import scale_bounds
from keras_cv_course.quantization.operations import OPERATIONS
from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite._layer_names import LayerNames
from keras_cv_course.tflite.operator_sets import operator_name

_LOG = logging.getLogger(__name__)
_SUMS = ("ADD", "SUB")
# Where the weights of a linear operation are among its inputs, and the other activations.
_LINEAR = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}
_ACTIVATION = {"TRANSPOSE_CONV": 2}
# The least width of ranges of inputs, by that of the output, for the operators that have one.
_BOUNDS = {
    operator: bound
    for kind in OPERATIONS.values()
    if kind.int8 is not None
    for operator, bound in kind.int8.bounds.items()
}
_NAMED = 3  # layers in a message

Range = tuple[float, float]


def fit_ranges(data: bytes, ranges: Mapping[int, Range]) -> dict[int, Range]:
    """Returns ranges of a float file that are as wide as the kernels of its int8 form need.

    A tensor that is 0 for all data gets a range. A term of a sum, or logits, whose steps are too
    small get the smallest that are not. What a sum adds stays the same so; another operation that
    reads the term sees less of it, which is reported.

    Args:
        data: A float .tflite with one subgraph.
        ranges: Smallest and largest value of each activation, by its index.
    """
    model = flatbuffer.read(data)
    graph = model.subgraphs[0]
    readers = Counter(int(i) for operator in graph.operators for i in operator.inputs)
    inputs = {int(i) for i in graph.inputs}
    fitted = {i: _around_zero(*limits) for i, limits in ranges.items()}
    lost: list[int] = []
    for operator in reversed(graph.operators):
        kind = operator_name(model.operatorCodes[operator.opcodeIndex])
        output = fitted.get(int(operator.outputs[0]))
        if output is None or kind not in _BOUNDS:
            continue
        least = _BOUNDS[kind](output[1] - output[0])
        for i in map(int, operator.inputs):
            if i not in fitted or i in inputs or fitted[i][1] - fitted[i][0] >= least:
                continue
            low, high = (float(limit) for limit in scale_bounds.widened(*fitted[i], least))
            fitted[i] = low, high
            if readers[i] > 1:
                lost.append(i)
    _report_lost([graph.tensors[i].name.decode() for i in lost])
    return fitted


def _around_zero(low: float, high: float) -> Range:
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return scale_bounds.OF_ZEROS
    first, last = scale_bounds.measurable(low, high)
    return float(first), float(last)


def _report_lost(names: list[str]) -> None:
    if names:
        _LOG.warning(
            "%d tensors have values so small that int8 keeps little of them, the first at %s. If "
            "the network is trained, settle the statistics of its batch normalization: train on, "
            "or with a smaller momentum.",
            len(names),
            names[-1],
        )


@dataclass(frozen=True)
class _Fault:
    layer: str
    multiplier: float
    input_width: float
    output_width: float

    def __str__(self) -> str:
        return (
            f"{self.layer} (inputs over a range of {self.input_width:.3g}, outputs over "
            f"{self.output_width:.3g}: a multiplier of {self.multiplier:.3g})"
        )


def check_scales(data: bytes, names: LayerNames) -> None:
    """Raises ValueError if an operation's output has far smaller steps than what it is made of.

    Args:
        data: An int8 .tflite with one subgraph.
        names: Layers that operations are called after.
    """
    model = flatbuffer.read(data)
    graph = model.subgraphs[0]
    faults = []
    for operator in graph.operators:
        kind = operator_name(model.operatorCodes[operator.opcodeIndex])
        multiplier = _multiplier(kind, operator, graph.tensors)
        if multiplier < scale_bounds.LARGEST_MULTIPLIER:
            continue
        tensor = graph.tensors[operator.outputs[0]]
        source = graph.tensors[operator.inputs[_ACTIVATION.get(kind, 0)]]
        name = tensor.name.decode()
        widths = (scale_bounds.LEVELS * float(t.quantization.scale[0]) for t in (source, tensor))
        faults.append(_Fault((names.of(name) or [name])[0], multiplier, *widths))
    if faults:
        listed = "; ".join(str(fault) for fault in faults[:_NAMED])
        rest = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise ValueError(
            "`model` must have layers whose outputs are not tiny beside the products that they "
            f"add: integer kernels multiply by less than {scale_bounds.LARGEST_MULTIPLIER:g}. "
            f"Received: {listed}{rest}. The statistics of batch normalization are mostly the "
            "cause: settle them, by training on or with a smaller momentum; or leave the layers in "
            "float with `keep_float`."
        )


def _multiplier(kind: str, operator: schema.OperatorT, tensors: list[schema.TensorT]) -> float:
    """Returns what a kernel multiplies integers with, 0 for one that has no bound or is float."""
    if kind in _LINEAR:
        places = (_ACTIVATION.get(kind, 0), _LINEAR[kind])
    elif kind in (*_SUMS, "MUL"):
        places = (0, 1)
    else:
        return 0.0
    scales = [_scales(tensors[operator.inputs[place]]) for place in places]
    output = _scales(tensors[operator.outputs[0]])
    if output is None or any(scale is None for scale in scales):
        return 0.0
    first, second = (np.max(scale) for scale in scales)
    made = max(first, second) if kind in _SUMS else first * second
    return float(made / output[0])


def _scales(tensor: schema.TensorT) -> Any:
    """Returns the steps of an integer tensor, or None."""
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return None if scales is None or len(scales) == 0 else np.asarray(scales, np.float64)
