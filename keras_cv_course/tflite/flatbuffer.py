"""Small edits of a .tflite flatbuffer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

SIGNATURE = "serving_default"
FILE_IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16


def name_signature(data: bytes, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> bytes:
    """Returns a .tflite whose inputs and outputs can be reached by name.

    Args:
        data: A .tflite with one subgraph.
        inputs: Name of each input, by the name of its tensor. The order may be another.
        outputs: Name of each output, by the name of its tensor.
    """
    model = read(data)
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT(signatureKey=SIGNATURE, subgraphIndex=0)
    signature.inputs = _tensor_maps(graph, inputs, graph.inputs)
    signature.outputs = _tensor_maps(graph, outputs, graph.outputs)
    model.signatureDefs = [signature]
    return write(model)


def set_ranges(data: bytes, ranges: Mapping[int, tuple[float, float]]) -> bytes:
    """Returns a float .tflite whose tensors hold the range of their values, as quantizers read it.

    Args:
        data: A float .tflite with one subgraph.
        ranges: Smallest and largest value of a tensor, by its index.
    """
    model = read(data)
    for index, (low, high) in ranges.items():
        tensor = model.subgraphs[0].tensors[index]
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min, tensor.quantization.max = [low], [high]
    return write(model)


def input_indices(data: bytes) -> dict[str, int]:
    """Returns the index of each tensor that goes into a .tflite, by its name in the signature."""
    inputs = read(data).signatureDefs[0].inputs
    return {item.name.decode(): int(item.tensorIndex) for item in inputs}


def read(data: bytes) -> schema.ModelT:
    """Returns the object form of a .tflite, also where weights lie outside the flatbuffer."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    for buffer in model.buffers:
        if isinstance(buffer.data, bytearray):  # From outside; written byte by byte.
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    return model


def write(model: schema.ModelT) -> bytes:
    """Returns the bytes of a model, with all weights inside the flatbuffer.

    Vectors of equal content are stored once. It is mostly the zero points of symmetric weights,
    eight bytes of zeros for each channel of each tensor, that this saves.
    """
    builder = _SharingBuilder(2**20)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def rename_tensors(data: bytes, rename: Callable[[str], str]) -> bytes:
    """Returns a .tflite whose tensors have new names; inputs and outputs those of the signature."""
    model = read(data)
    tensors = model.subgraphs[0].tensors
    for tensor in tensors:
        tensor.name = rename(tensor.name.decode())
    for signature in model.signatureDefs or ():
        for mapped in (*signature.inputs, *signature.outputs):
            tensors[mapped.tensorIndex].name = mapped.name
    return write(model)


class _SharingBuilder(flatbuffers.Builder):
    """Writes each vector once, and the contents of buffers as aligned as the schema demands."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._offsets: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = x.dtype.str, x.tobytes()
        if key not in self._offsets:
            self._offsets[key] = super().CreateNumpyVector(x)
        return self._offsets[key]

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N803
        return super().StartVector(
            elemSize, numElems, BUFFER_ALIGNMENT if elemSize == 1 else alignment
        )


def _tensor_maps(
    graph: schema.SubGraphT, names: Mapping[str, str], indices: Sequence[int]
) -> list[schema.TensorMapT]:
    matching = [names[graph.tensors[index].name.decode()] for index in indices]
    return [
        schema.TensorMapT(name=name, tensorIndex=int(index))
        for name, index in zip(matching, indices, strict=True)
    ]


def output_steps(data: bytes) -> list[float | None]:
    """Returns the quantization step of each output of a .tflite; None for a float output.

    An output that is dequantized at the end has the step of the integers that it is made from.
    """
    model = read(data)
    graph = model.subgraphs[0]
    kinds = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    sources = {
        int(operator.outputs[0]): int(operator.inputs[0])
        for operator in graph.operators
        if kinds[operator.opcodeIndex] == schema.BuiltinOperator.DEQUANTIZE
    }
    return [_step(graph.tensors[sources.get(int(i), int(i))]) for i in graph.outputs]


def has_integer_activations(data: bytes) -> bool:
    """Returns whether an operation of a .tflite gives out quantized numbers."""
    graph = read(data).subgraphs[0]
    made = (graph.tensors[i] for operator in graph.operators for i in operator.outputs)
    return any(_step(tensor) is not None for tensor in made)


def _step(tensor: schema.TensorT) -> float | None:
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return float(scales[0]) if scales is not None and len(scales) == 1 else None
