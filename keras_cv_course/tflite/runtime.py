"""Runs a .tflite file as if it were a Keras model."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from keras_cv_course._pixel_values import rescaling, takes_uint8
from keras_cv_course._unique_names import unique_names
from keras_cv_course._validation import check_choice, check_threads
from keras_cv_course.tflite.carried_spec import read_spec
from keras_cv_course.tflite.labels import fit_names
from keras_cv_course.tflite.tensors import (
    TensorSpec,
    dequantize,
    quantize,
    real_range,
    spec_from_details,
)
from keras_cv_course.tflite.validation import check_file, check_header, reading

_NUMBERS = ("int32", "int64")
_KERNELS = {"default": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_REF}

_IMAGE_RANK = 4  # (batch, height, width, channels)
# No quantized input that takes pixels as they are ends below; one of normalized images does.
_NORMALIZED = 16.0

_Named = list[tuple[str, dict[str, Any]]]
Batch = np.ndarray | Sequence[Any] | Mapping[str, Any]


class TFLiteModel:
    """A .tflite file that takes and returns real values, whatever its types inside.

    Not thread-safe: threads that run at the same time need a model each.

    Attributes:
        path: The file.
        inputs: Description of every input, in the order in which a list of arrays is taken.
        outputs: Description of every output.
        spec: What the file carries of its meaning, see `read_spec`.
        class_names: Names of the classes, where the file carries them, else None. In a list that
            is too short for the output, numbers replace what is missing.

    Args:
        path: A .tflite file.
        num_threads: Threads of the runtime's kernels. None is one.
        kernels: "default" are the kernels that devices run (XNNPACK, for the operators that it
            has); "reference" are the plain ones that define the right result, many times slower.
            The reference kernels can end the process on an int8 softmax of tiny logits.
        validate: Loads and runs the file in a child process first, because a corrupt file can end
            this process. False is for files that this process has written.

    Raises:
        ValueError: If the file is not one that LiteRT runs, or another argument is wrong.

    Example:
        >>> model = TFLiteModel("model.tflite")
        >>> probabilities = model.predict(images)  # (n, classes), float32
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        num_threads: int | None = None,
        kernels: str = "default",
        validate: bool = True,
    ) -> None:
        if num_threads is not None:
            check_threads("num_threads", num_threads)
        self.path = Path(path)
        if validate:
            check_file(self.path)
        self._interpreter = load_interpreter(self.path, num_threads, kernels)
        with reading(self.path):
            inputs, outputs = named_details(self._interpreter)
            self.inputs = tuple(spec_from_details(name, details) for name, details in inputs)
            self.outputs = tuple(spec_from_details(name, details) for name, details in outputs)
            spec = read_spec(self.path)
        # Class numbers, as an argmax gives them, have no axis of classes.
        shapes = [tensor.shape for tensor in self.outputs if tensor.dtype not in _NUMBERS]
        self.class_names = fit_names(spec.class_names, shapes, self.path)
        self.spec = dataclasses.replace(spec, class_names=self.class_names)
        self._batch_size = _batch_size(self.path, self.inputs)
        self._input_indices = [details["index"] for _, details in inputs]
        self._output_indices = [details["index"] for _, details in outputs]

    def __call__(self, batch: Batch) -> np.ndarray | dict[str, np.ndarray]:
        """Returns `predict(batch)`."""
        return self.predict(batch)

    def __repr__(self) -> str:
        return f"TFLiteModel({str(self.path)!r}, inputs={self.inputs}, outputs={self.outputs})"

    def predict(self, batch: Batch) -> np.ndarray | dict[str, np.ndarray]:
        """Returns the outputs for a batch of any size, as real values.

        Args:
            batch: Real values, as the Keras model takes them: an array `(n, ...)`, or for several
                inputs a dict by name, or a list in the order of `inputs` (the converter may have
                changed the Keras model's order). uint8 arrays are their values 0 to 255, and
                so are for a file that takes pixels as they are.

        Returns:
            An array `(n, ...)`, or for several outputs a dict by name. float32, except for outputs
            that hold integers which are not quantized values. An output without a batch axis gets
            one, with an entry for each run.

        Raises:
            ValueError: If the number, the names or the shapes of the arrays are wrong, NaN is given
                to a quantized input, or uint8 images to one that, by the file's metadata or its
                quantization, takes other values than pixels.
        """
        arrays = self._arrays(batch)
        runs = [self._run(chunk) for chunk in self._chunks(arrays)]
        results = {}
        for i, spec in enumerate(self.outputs):
            numbers = _join([run[i] for run in runs], spec, self._batch_size)
            results[spec.name] = dequantize(numbers[: len(arrays[0])], spec)
        return results if len(results) > 1 else next(iter(results.values()))

    def _chunks(self, arrays: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """Yields the numbers for one run after the other; the last is filled up with zeros."""
        size = self._batch_size
        for start in range(0, len(arrays[0]), size):
            chunk = []
            for array, spec in zip(arrays, self.inputs, strict=True):
                values = array[start : start + size]
                missing = [(0, size - len(values))] + [(0, 0)] * (values.ndim - 1)
                chunk.append(quantize(np.pad(values, missing), spec))
            yield chunk

    def _run(self, numbers: Sequence[np.ndarray]) -> list[np.ndarray]:
        for index, array in zip(self._input_indices, numbers, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._output_indices]

    def _arrays(self, batch: Batch) -> list[np.ndarray]:
        """Returns one array for each input, checked."""
        names = [spec.name for spec in self.inputs]
        if isinstance(batch, Mapping):
            for name in batch:
                check_choice("batch", name, names)
            missing = [name for name in names if name not in batch]
            if missing:
                raise ValueError(f"`batch` must hold every input. Missing: {missing}.")
            values = [batch[name] for name in names]
        elif len(names) == 1 and not _is_list_of_batches(batch, self.inputs[0]):
            values = [batch]
        else:
            values = list(batch)
        if len(values) != len(names):
            raise ValueError(
                f"{self.path} has {len(names)} inputs, {names}: `batch` must be a list of as many "
                f"arrays, or a dict by name. Received {len(values)}."
            )
        arrays = [np.asarray(value) for value in values]
        for array, spec in zip(arrays, self.inputs, strict=True):
            _check_shape(array, spec)
            if array.dtype == np.uint8 and array.ndim == _IMAGE_RANK and array.size:
                self._check_pixels(array, spec)
        if len({len(array) for array in arrays}) > 1:
            sizes = {name: len(array) for name, array in zip(names, arrays, strict=True)}
            raise ValueError(f"The arrays of `batch` must have the same length. Received: {sizes}.")
        return arrays

    def _check_pixels(self, pixels: np.ndarray, spec: TensorSpec) -> None:
        """Refuses uint8 images where the values of pixels are not what the input takes."""
        taken = self.spec.input_range or real_range(spec)
        if taken is None or takes_uint8(taken):
            return
        if self.spec.input_range is None and (taken[1] >= _NORMALIZED or pixels.max() <= taken[1]):
            return
        how = "as for training" if self.spec.input_range is None else f"with `{rescaling(taken)}`"
        raise ValueError(
            f"Input {spec.name!r} must have values from {taken[0]:.4g} to {taken[1]:.4g}. Received "
            f"uint8 pixels up to {pixels.max()}. Rescale them {how}."
        )


def load_interpreter(
    path: Path, num_threads: int | None = None, kernels: str = "default"
) -> Interpreter:
    """Returns LiteRT's interpreter of a file that is trusted, ready to run.

    Args:
        path: A .tflite file that `check_file` has passed.
        num_threads: Threads of the kernels. None is one.
        kernels: "default" or "reference", as `TFLiteModel` takes them.

    Raises:
        ValueError: If LiteRT refuses the file, or `kernels` is unknown.
    """
    check_choice("kernels", kernels, _KERNELS)
    problem = check_header(path)
    if problem is not None:
        raise ValueError(f"{path} is not a usable .tflite file: {problem}.")
    try:
        interpreter = Interpreter(
            str(path), num_threads=num_threads, experimental_op_resolver_type=_KERNELS[kernels]
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is not a usable .tflite file: {error}") from error
    return interpreter


def named_details(interpreter: Interpreter) -> tuple[_Named, _Named]:
    """Returns inputs and outputs, each with its name in the signature, or else its own name.

    Of equal names, the later ones get a number.
    """
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    names = {details["index"]: details["name"] for details in (*inputs, *outputs)}
    for key in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(key)
        signature = {**runner.get_input_details(), **runner.get_output_details()}
        # A further signature can be of another subgraph, which `invoke` does not run.
        if {details["index"]: details["name"] for details in signature.values()} == names:
            names = {details["index"]: name for name, details in signature.items()}
            break
    given, returned = (
        list(zip(unique_names([names[x["index"]] for x in tensors]), tensors, strict=True))
        for tensors in (inputs, outputs)
    )
    return given, returned


def _batch_size(path: Path, inputs: Sequence[TensorSpec]) -> int:
    sizes = {spec.shape[0] if spec.shape else None for spec in inputs}
    size = sizes.pop() if len(sizes) == 1 else None
    if not size:
        shapes = {spec.name: spec.shape for spec in inputs}
        raise ValueError(
            f"The inputs of {path} must have a batch axis, the same for all. They are {shapes}: "
            "convert the model again with a batch of 1."
        )
    return size


def _is_list_of_batches(batch: Any, spec: TensorSpec) -> bool:
    return (
        isinstance(batch, list | tuple) and len(batch) == 1 and np.ndim(batch[0]) == len(spec.shape)
    )


def _check_shape(array: np.ndarray, spec: TensorSpec) -> None:
    if array.ndim == len(spec.shape) and array.shape[1:] == spec.shape[1:]:
        return
    expected = f"(n, {', '.join(map(str, spec.shape[1:]))})" if spec.shape[1:] else "(n,)"
    hint = ""
    if array.shape == spec.shape[1:]:
        hint = " This is one sample: give it a batch axis with `array[None]`."
    raise ValueError(
        f"Input {spec.name!r} must have the shape {expected}. Received: {array.shape}.{hint}"
    )


def _join(runs: Sequence[np.ndarray], spec: TensorSpec, batch_size: int) -> np.ndarray:
    if not runs:
        return np.zeros((0, *spec.shape[1:]), spec.dtype)
    if spec.shape[:1] == (batch_size,):
        return np.concatenate(runs)
    return np.stack(runs)
