"""Inputs of a model that is quantized: float32, and in which range."""

import keras

from keras_cv_course.networks.input_range import PIXELS
from keras_cv_course.quantization.graph import run, tensors, trace

Range = tuple[float, float]


def with_float_inputs(
    model: keras.Model, input_range: Range | None = None
) -> tuple[keras.Model, dict[str, Range]]:
    """Returns a model with the same outputs that takes float32, and the known ranges of inputs.

    Args:
        model: Functional model with inputs of float32 or uint8; it is not changed.
        input_range: Range of all inputs, if it is known.

    Returns:
        `model` itself where all inputs are float32 already; and ranges by names of inputs, that of
        pixels for uint8.

    Raises:
        ValueError: If an input has another type.
    """
    ranges = {}
    for x in model.inputs:
        if x.dtype not in ("float32", "uint8"):
            raise ValueError(
                "`model` must have inputs of float32 or uint8. Received: input "
                f"{x.name!r} with dtype {x.dtype}. Build it with keras.Input(shape, "
                'dtype="float32").'
            )
        if input_range is not None:
            ranges[x.name] = input_range
        elif x.dtype == "uint8":
            ranges[x.name] = PIXELS
    if all(x.dtype == "float32" for x in model.inputs):
        return model, ranges
    graph = trace(model)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype="float32", name=x.name), graph.inputs
    )
    outputs = run(graph, tensors(inputs))
    return keras.Model(inputs, outputs, name=model.name), ranges
