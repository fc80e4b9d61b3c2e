"""Ranges of every tensor of a float .tflite over calibration data."""

from collections.abc import Iterable

import numpy as np
from ai_edge_litert.interpreter import Interpreter

NUM_THREADS = 2


def measure_ranges(
    data: bytes, samples: Iterable[list[np.ndarray]]
) -> dict[int, tuple[float, float]]:
    """Returns the smallest and the largest value that each activation takes.

    The converter's own calibrator runs unaccelerated kernels on one thread; here XNNPACK runs
    them, with every intermediate tensor kept, and gives the same ranges in a fraction of the time.

    Args:
        data: A float .tflite with one subgraph and batch size 1.
        samples: For each sample, one array an input, in the order of the inputs, without batch.

    Returns:
        Range by index of the tensor, for inputs and outputs of all operations.

    Raises:
        ValueError: If there are no samples, or a tensor is not finite.
    """
    interpreter = Interpreter(
        model_content=data, num_threads=NUM_THREADS, experimental_preserve_all_tensors=True
    )
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    inputs = [detail["index"] for detail in details]
    activations = _float_activations(interpreter, inputs)
    low = np.full(len(activations), np.inf)
    high = np.full(len(activations), -np.inf)
    count = 0
    for count, sample in enumerate(samples, 1):  # noqa: B007
        for detail, value in zip(details, sample, strict=True):
            interpreter.set_tensor(detail["index"], value[np.newaxis].astype(detail["dtype"]))
        interpreter.invoke()
        # One call a tensor: a view kept over the next invoke is refused by the interpreter.
        low = np.minimum(low, [interpreter.tensor(i)().min() for i in activations])
        high = np.maximum(high, [interpreter.tensor(i)().max() for i in activations])
    if not count:
        raise ValueError("`calibration_data` must hold at least one sample. Received: none.")
    if not np.all(np.isfinite([low, high])):
        raise ValueError(
            "`calibration_data` must give finite values all through the network. Received: data "
            "that makes some activations infinite or not a number. Check the data and the weights."
        )
    pairs = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(activations, pairs, strict=True))


def _float_activations(interpreter: Interpreter, inputs: list[int]) -> list[int]:
    """Returns the indices of float tensors that are computed.

    What no operation reads and no output is, the unused half of a split, need not be.
    """
    is_float = {d["index"]: d["dtype"] is np.float32 for d in interpreter.get_tensor_details()}
    # Delegates' nodes repeat the outputs of the operations that they stand for.
    operators = interpreter._get_ops_details()
    outputs = {int(i) for op in operators for i in op["outputs"]}
    read = {int(i) for op in operators for i in op["inputs"]}
    read.update(detail["index"] for detail in interpreter.get_output_details())
    return [i for i in sorted({*inputs, *(outputs & read)}) if is_float.get(i)]
