"""Two .tflite files as one that runs the second on what the first gives."""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.tflite import flatbuffer

_MIDDLE = "raw_"  # before the name of what the first file gave


def join(first: bytes, second: bytes) -> bytes:
    """Returns a .tflite with the inputs of one file and the outputs of another behind it.

    So an integer network gets an end that computes in float, which no quantizer has touched.

    Args:
        first: A .tflite with one subgraph and a signature, whose outputs are float.
        second: Another; its inputs are outputs of the first, by name, in shape and type.

    Raises:
        ValueError: If an input of the second is no output of the first.
    """
    model, tail = flatbuffer.read(first), flatbuffer.read(second)
    graph, end = model.subgraphs[0], tail.subgraphs[0]
    signature, end_signature = model.signatureDefs[0], tail.signatureDefs[0]
    given = {output.name: int(output.tensorIndex) for output in signature.outputs}
    taken = {int(item.tensorIndex): item.name for item in end_signature.inputs}
    _check_fit(graph, given, end, taken)
    for name, index in given.items():
        graph.tensors[index].name = _MIDDLE.encode() + name
    place = _add_tensors(model, tail, {index: given[name] for index, name in taken.items()})
    kinds = len(model.operatorCodes)
    model.operatorCodes.extend(tail.operatorCodes)
    for operator in end.operators:
        operator.opcodeIndex += kinds
        operator.inputs = [place.get(int(i), int(i)) for i in operator.inputs]
        operator.outputs = [place[int(i)] for i in operator.outputs]
        graph.operators.append(operator)
    graph.outputs = [place[int(i)] for i in end.outputs]
    for output in end_signature.outputs:
        output.tensorIndex = place[int(output.tensorIndex)]
        graph.tensors[output.tensorIndex].name = output.name
    signature.outputs = end_signature.outputs
    return flatbuffer.write(model)


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
            f"`second` must take outputs of `first`, which are {have}. Received: inputs {wanted}."
        )


def _kind(tensor: schema.TensorT) -> tuple[Any, ...]:
    return tensor.type, tuple(int(size) for size in tensor.shape)
