"""The file of a network: its pieces, see `segments`, converted one by one and joined."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python.convert_phase import ConverterError

from keras_cv_course.layers.detection_postprocess import OUTPUTS, DetectionPostProcess
from keras_cv_course.quantization.graph import as_functional, input_names
from keras_cv_course.tflite import flatbuffer, quantizers, suppression
from keras_cv_course.tflite._layer_names import LayerNames
from keras_cv_course.tflite.freezing import FrozenModel, check_outputs, freeze
from keras_cv_course.tflite.joining import arrange, join
from keras_cv_course.tflite.segments import Island, Segment, cut

# One sample: an array without batch for each name of a tensor between the pieces.
Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Piece:
    """A piece of a network that was translated, still in float.

    Attributes:
        segment: The piece.
        frozen: Its function.
        data: Its .tflite.
        samples: What calibration data gives to it: one array an input, in the file's order.
    """

    segment: Segment
    frozen: FrozenModel
    data: bytes
    samples: list[list[np.ndarray]] | None


Quantize = Callable[[Piece], bytes]
Stage = Callable[[str], AbstractContextManager[None]]


def write(
    model: keras.Model,
    names: Sequence[str],
    quantize: Quantize = lambda piece: piece.data,
    values: Sequence[Values] | None = None,
    float16: bool = False,
    stage: Stage = lambda name: nullcontext(),
    nms: str = suppression.TFLITE_OP,
    order: Sequence[str] = (),
) -> bytes:
    """Returns the .tflite of a network, in one piece but for its islands that convert alone.

    Args:
        model: Functional model in the form that is translated.
        names: Names of its outputs.
        quantize: Makes the file of a piece that is not an island from its float file.
        values: Calibration data for `quantize`, by the names of the network's inputs.
        float16: Whether weights are stored as float16.
        stage: Times the steps "freeze", "translate" and "quantize".
        nms: Form of suppression, see `suppression`.
        order: Names of its outputs in the order that they shall have, if it has islands.

    Raises:
        ValueError: If an operation has no builtin TFLite form.
    """
    check_outputs(model)
    segments = cut(model, names)
    inputs = input_names(model)
    file = None
    for i, segment in enumerate(segments):
        with stage("freeze"):
            frozen = freeze(segment.model, segment.outputs)
        with stage("translate"):
            data = translate(segment.model, frozen, float16, segment.island, nms)
        with stage("quantize"):
            given = values
            if values is not None and any(s.island is None for s in segments[i + 1 :]):
                values = _run(data, values)
            if segment.island is None:
                samples = None if given is None else _samples(data, given)
                data = quantize(Piece(segment, frozen, data, samples))
        data = flatbuffer.rename_tensors(data, layer_names(model).shorten)
        file = data if file is None else join(file, data, segment.passed, inputs)
    assert file is not None
    return file if len(segments) == 1 else arrange(file, inputs, order or names)


def translate(
    model: keras.Model,
    frozen: FrozenModel,
    float16: bool = False,
    island: Island | None = None,
    nms: str = suppression.TFLITE_OP,
) -> bytes:
    """Returns the float .tflite of a model, or of an island in the form that its kind has.

    Raises:
        ValueError: If an operation has no builtin TFLite form.
    """
    if island is not None and isinstance(island.layer, DetectionPostProcess):
        outputs = [island.outputs[name] for name in OUTPUTS]
        return suppression.FILES[nms](island.layer, island.inputs, outputs)
    try:
        return quantizers.to_float(frozen, float16 and island is None)
    except ConverterError as error:
        operations = set(re.findall(r"'tf\.(\w+)' op is neither", str(error)))
        if not operations:
            raise
        names = layer_names(model)
        nodes = [n for n in frozen.function.graph.get_operations() if n.type in operations]
        layers = sorted({name for node in nodes for name in names.of(node.name)})
        raise ValueError(
            "`model` must be made of operations that TFLite has built in. Received: "
            f"{', '.join(sorted(operations))} in layer {', '.join(layers) or 'unknown'}. Replace "
            "the layer, or leave it out of the exported model."
        ) from error


def layer_names(model: keras.Model) -> LayerNames:
    """Returns what finds the model's layers in the names of nodes and tensors."""
    return LayerNames(model.name, operation_names(model))


def operation_names(model: keras.Model) -> list[str]:
    """Returns the names of a model's operations, and of those of the models inside it."""
    names = []
    for operation in as_functional(model).operations:
        names.append(operation.name)
        if isinstance(operation, keras.Model):
            names.extend(operation_names(operation))
    return names


def _samples(data: bytes, values: Sequence[Values]) -> list[list[np.ndarray]]:
    """Returns calibration data in the order of a file's inputs."""
    model = flatbuffer.read(data)
    names = {int(x.tensorIndex): x.name.decode() for x in model.signatureDefs[0].inputs}
    order = [names[int(index)] for index in model.subgraphs[0].inputs]
    return [[sample[name] for name in order] for sample in values]


def _run(data: bytes, values: Sequence[Values]) -> list[Values]:
    """Returns samples with a float file's outputs for them, for the pieces after it."""
    interpreter = Interpreter(model_content=data)
    runner = interpreter.get_signature_runner(flatbuffer.SIGNATURE)
    names = list(runner.get_input_details())
    further = []
    for sample in values:
        outputs = runner(**{name: sample[name][np.newaxis] for name in names})
        further.append(sample | {name: y[0] for name, y in outputs.items()})
    return further
