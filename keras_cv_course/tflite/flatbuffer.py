"""Small edits of a .tflite flatbuffer."""

from collections.abc import Mapping, Sequence

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

SIGNATURE = "serving_default"


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


def read(data: bytes) -> schema.ModelT:
    """Returns the object form of a .tflite, also where weights lie outside the flatbuffer."""
    return flatbuffer_utils.read_model_from_bytearray(bytearray(data))


def write(model: schema.ModelT) -> bytes:
    """Returns the bytes of a model, with all weights inside the flatbuffer."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _tensor_maps(
    graph: schema.SubGraphT, names: Mapping[str, str], indices: Sequence[int]
) -> list[schema.TensorMapT]:
    return [
        schema.TensorMapT(name=names[graph.tensors[index].name.decode()], tensorIndex=int(index))
        for index in indices
    ]


def output_steps(data: bytes) -> list[float | None]:
    """Returns the quantization step of each output of a .tflite; None for a float output.

    An output that is dequantized at the end has the step of the integers that it is made from.
    """
    graph = read(data).subgraphs[0]
    makers = {int(i): operator for operator in graph.operators for i in operator.outputs}
    steps = []
    for index in graph.outputs:
        step = _step(graph.tensors[index])
        if step is None and index in makers:
            step = next(filter(None, (_step(graph.tensors[i]) for i in makers[index].inputs)), None)
        steps.append(step)
    return steps


def _step(tensor: schema.TensorT) -> float | None:
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return float(scales[0]) if scales is not None and len(scales) == 1 else None
