"""Two .tflite files as one that runs the second on what the first gives."""

from collections.abc import Mapping, Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.tflite import flatbuffer

_MIDDLE = "raw_"  # before the name of what the first file gave


def join(
    first: bytes, second: bytes, passed: Sequence[str] = (), inputs: Sequence[str] = ()
) -> bytes:
    """Returns a .tflite with the inputs of one file and the outputs of another behind it.

    So an integer network gets an island that computes in float, which no quantizer has touched.
    Between two integer files values stay integers.

    Args:
        first: A .tflite with one subgraph and a signature, whose outputs are float.
        second: Another; its inputs are outputs of the first, or what the first takes too, by name,
            in shape and type.
        passed: Names of outputs of the first that are outputs of the whole, behind the second's.
        inputs: Names that become further inputs of the whole where only the second takes them.

    Raises:
        ValueError: If an input of the second is neither output nor input of the first.
    """
    model, tail = flatbuffer.read(first), flatbuffer.read(second)
    graph, end = model.subgraphs[0], tail.subgraphs[0]
    signature, end_signature = model.signatureDefs[0], tail.signatureDefs[0]
    outputs = {output.name: int(output.tensorIndex) for output in signature.outputs}
    given = {item.name: int(item.tensorIndex) for item in signature.inputs} | outputs
    taken = {int(item.tensorIndex): item.name for item in end_signature.inputs}
    further = {
        i: name for i, name in taken.items() if name not in given and name.decode() in inputs
    }
    taken = {i: name for i, name in taken.items() if i not in further}
    _check_fit(graph, given, end, taken)
    kept = {name: index for name, index in outputs.items() if name.decode() in passed}
    for name in outputs.keys() - kept.keys():
        graph.tensors[outputs[name]].name = _MIDDLE.encode() + name
    place = _add_tensors(model, tail, {index: given[name] for index, name in taken.items()})
    graph.inputs = [*map(int, graph.inputs), *(place[i] for i in further)]
    signature.inputs.extend(_tensor_maps({name: place[i] for i, name in further.items()}))
    kinds = len(model.operatorCodes)
    model.operatorCodes.extend(tail.operatorCodes)
    for operator in end.operators:
        operator.opcodeIndex += kinds
        operator.inputs = [place.get(int(i), int(i)) for i in operator.inputs]
        operator.outputs = [place[int(i)] for i in operator.outputs]
        graph.operators.append(operator)
    graph.outputs = [*(place[int(i)] for i in end.outputs), *kept.values()]
    for output in end_signature.outputs:
        output.tensorIndex = place[int(output.tensorIndex)]
        graph.tensors[output.tensorIndex].name = output.name
    signature.outputs = [*end_signature.outputs, *_tensor_maps(kept)]
    _leave_out_conversions(model)
    return flatbuffer.write(model)


def arrange(data: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Returns a joined .tflite with its inputs and outputs in another order.

    Args:
        data: The file.
        inputs: The names of its inputs, in the order in which they shall be; others may be among
            them.
        outputs: The names of its outputs; outputs that are not among them are left out.
    """
    model = flatbuffer.read(data)
    signature = model.signatureDefs[0]
    taken = {item.name.decode(): int(item.tensorIndex) for item in signature.inputs}
    model.subgraphs[0].inputs = [taken[name] for name in inputs if name in taken]
    given = {output.name.decode(): int(output.tensorIndex) for output in signature.outputs}
    model.subgraphs[0].outputs = [given[name] for name in outputs]
    signature.outputs = _tensor_maps({name.encode(): given[name] for name in outputs})
    return flatbuffer.write(model)


def _tensor_maps(tensors: Mapping[bytes, int]) -> list[schema.TensorMapT]:
    return [schema.TensorMapT(name=name, tensorIndex=index) for name, index in tensors.items()]


def _leave_out_conversions(model: schema.ModelT) -> None:
    """Removes floats between integers: what returns to the same step stays unchanged."""
    graph = model.subgraphs[0]
    kinds = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    sources: dict[int, int] = {}
    instead: dict[int, int] = {}
    operators = []
    for operator in graph.operators:
        kind = kinds[operator.opcodeIndex]
        if kind == schema.BuiltinOperator.DEQUANTIZE:
            sources[int(operator.outputs[0])] = int(operator.inputs[0])
        source = sources.get(int(operator.inputs[0])) if len(operator.inputs) else None
        if kind == schema.BuiltinOperator.QUANTIZE and source is not None:
            result = int(operator.outputs[0])
            before, after = _grid(graph.tensors[source]), _grid(graph.tensors[result])
            if before == after:
                instead[result] = source
                continue
            if before[0] == after[0]:
                operator.inputs = [source]
        operators.append(operator)
    for operator in operators:
        operator.inputs = [instead.get(int(i), int(i)) for i in operator.inputs]
    read = {int(i) for operator in operators for i in operator.inputs}
    read |= set(map(int, graph.outputs))
    graph.operators = [
        operator
        for operator in operators
        if kinds[operator.opcodeIndex] != schema.BuiltinOperator.DEQUANTIZE
        or int(operator.outputs[0]) in read
    ]


def _grid(tensor: schema.TensorT) -> tuple[int, float, int]:
    """Returns type, step and zero point of a tensor of integers."""
    quantization = tensor.quantization
    return tensor.type, float(quantization.scale[0]), int(quantization.zeroPoint[0])


def _add_tensors(
    model: schema.ModelT, tail: schema.ModelT, known: dict[int, int]
) -> dict[int, int]:
    """Returns where each tensor of the second file is in the first, after it was added."""
    graph, place = model.subgraphs[0], dict(known)
    buffers = len(model.buffers) - 1  # Buffer 0 is the empty one in both.
    model.buffers.extend(tail.buffers[1:])
    for index, tensor in enumerate(tail.subgraphs[0].tensors):
        if index in known:
            continue
        tensor.buffer += buffers if tensor.buffer else 0
        place[index] = len(graph.tensors)
        graph.tensors.append(tensor)
    return place


def _check_fit(
    graph: schema.SubGraphT, given: dict[bytes, int], end: schema.SubGraphT, taken: dict[int, bytes]
) -> None:
    have = {name.decode(): _kind(graph.tensors[index]) for name, index in given.items()}
    wanted = {name.decode(): _kind(end.tensors[index]) for index, name in taken.items()}
    if any(have.get(name) != kind for name, kind in wanted.items()):
        raise ValueError(
            f"`second` must take outputs of `first`, or its inputs, which are {have}. "
            f"Received: inputs {wanted}."
        )


def _kind(tensor: schema.TensorT) -> tuple[Any, ...]:
    return tensor.type, tuple(int(size) for size in tensor.shape)
