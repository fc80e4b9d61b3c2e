"""Child process of `microcontroller`: runs a file in tflite-micro, which may end the process.

Takes the path and the arena's bytes as arguments, the inputs as an .npz on the standard input, and
answers with an .npz: the outputs, or what is wrong. All that tflite-micro prints goes to the
standard error. It imports nothing but NumPy and tflite-micro, so that it starts at once.
"""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tflite_micro import runtime


def _run(path: str, arena_bytes: int, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns one array for each output of the file, `(n, ...)`, from inputs of n samples.

    Without inputs the file only gets its memory.
    """
    data = Path(path).read_bytes()
    graph = runtime.convert_bytearray_to_object(data).subgraphs[0]
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=arena_bytes)
    if not arrays:
        return []
    shapes = _check_inputs(interpreter, arrays, len(graph.inputs))
    runs: list[list[np.ndarray]] = []
    for sample in range(len(arrays[0])):
        for i, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
            interpreter.set_input(array[sample].reshape(shape), i)
        interpreter.invoke()
        runs.append([np.array(interpreter.get_output(i)) for i in range(len(graph.outputs))])
    interpreter.print_allocations()
    return [_join(outputs) for outputs in zip(*runs, strict=True)]


def _check_inputs(
    interpreter: runtime.Interpreter, arrays: Sequence[np.ndarray], count: int
) -> list[tuple[int, ...]]:
    """Returns the shape that each input has in the file."""
    if len(arrays) != count:
        raise ValueError(
            f"`inputs` must hold one array for each of the file's {count} inputs. "
            f"Received: {len(arrays)}."
        )
    shapes = []
    for i, array in enumerate(arrays):
        details = interpreter.get_input_details(i)
        shape, dtype = tuple(map(int, details["shape"])), np.dtype(details["dtype"])
        if shape[:1] != (1,):
            raise ValueError(
                f"Input {i} of the file must have a batch of 1. Its shape is {shape}: convert the "
                "model again."
            )
        if array.shape[1:] != shape[1:] or array.dtype != dtype or len(array) == 0:
            raise ValueError(
                f"`inputs` must hold {dtype} numbers of shape {('n', *shape[1:])} for input {i}, "
                f"with n at least 1. Received: {array.dtype}, {array.shape}."
            )
        shapes.append(shape)
    if len({len(array) for array in arrays}) > 1:
        raise ValueError(
            "`inputs` must hold as many samples for each input. "
            f"Received: {[len(array) for array in arrays]}."
        )
    return shapes


def _join(outputs: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the outputs of all samples as one array; one without a batch axis gets it."""
    return np.concatenate(outputs) if outputs[0].shape[:1] == (1,) else np.stack(outputs)


def _answer(path: str, arena_bytes: int, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    try:
        outputs = _run(path, arena_bytes, arrays)
    except ValueError as error:
        return {"wrong_argument": np.array(str(error))}
    # The binding makes a RuntimeError of what the runtime refuses, and the reader of the flatbuffer
    # raises whatever a corrupt file makes it stumble over: all of it is a verdict on the file.
    except Exception as error:
        return {"refused": np.array(f"{type(error).__name__}: {error}")}
    return {f"output{i}": output for i, output in enumerate(outputs)}


def main() -> None:
    """Answers the one question that the command line and the standard input hold."""
    path, arena_bytes = sys.argv[1:]
    # The runtime prints to descriptor 1 as it likes: the answer keeps a descriptor of its own.
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        inputs = np.load(io.BytesIO(sys.stdin.buffer.read()))
        arrays = [inputs[f"input{i}"] for i in range(len(inputs.files))]
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **_answer(path, int(arena_bytes), arrays))
        answer.write(file.getvalue())


if __name__ == "__main__":
    main()
