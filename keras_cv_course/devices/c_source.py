"""Writes a .tflite file as C source, for a firmware that has no file system."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_cv_course._atomic import write_atomic
from keras_cv_course._validation import check_whole
from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.validation import check_header

# What TensorFlow Lite for Microcontrollers expects of the address of a model.
_ALIGNMENT = 16
_VALUES_A_LINE = 12
# No leading, trailing or double underscore, which would make names that are reserved in C++.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_TAKEN = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t
    class compl const const_cast constexpr continue decltype default delete do double dynamic_cast
    else enum explicit export extern false float for friend goto if inline int long main mutable
    namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast restrict return short signed sizeof static static_assert static_cast struct
    switch template this thread_local throw true try typedef typeid typename union unsigned using
    virtual void volatile wchar_t while xor xor_eq
"""
_C_TYPES = {
    schema.TensorType.INT8: ("int8_t", np.int8),
    schema.TensorType.UINT8: ("uint8_t", np.uint8),
    schema.TensorType.INT16: ("int16_t", np.int16),
    schema.TensorType.INT32: ("int32_t", np.int32),
    schema.TensorType.FLOAT32: ("float", np.float32),
}


@dataclass(frozen=True)
class Golden:
    """One sample and a file's result for it, in the file's own numbers.

    Attributes:
        inputs: An array for each input, in its shape and type.
        outputs: An array for each output, in its shape and type.
    """

    inputs: Sequence[np.ndarray]
    outputs: Sequence[np.ndarray]


@dataclass(frozen=True)
class _Tensor:
    """An input or output, as the source names it."""

    label: str  # e.g. "input", or "input1" where there are several
    shape: tuple[int, ...]
    c_type: str
    dtype: np.dtype
    scale: float | None
    zero_point: int


def write_c_source(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    arena_bytes: int,
    name: str = "model_data",
    golden: Golden | None = None,
) -> tuple[Path, Path]:
    """Returns header and source of a file, `<name>.h` and `<name>.cc`, which C and C++ can use.

    They hold the file's bytes as the aligned array `<name>`, and with the prefix `<NAME>_` the
    macros `BYTES`, `ARENA_BYTES`, and for the input, and the output alike, `INPUT_SIZE` (numbers in
    it), `INPUT_RANK`, `INPUT_SCALE` and `INPUT_ZERO_POINT` (where it is quantized); the array
    `<name>_input_shape`; and with `golden` the arrays `<name>_golden_input` and
    `<name>_golden_output`, to compare on the board. Several inputs are called `input0`, `input1`.

    Args:
        path: A .tflite file.
        folder: Where the two files go; created if it is missing.
        arena_bytes: Memory that the firmware sets aside, see `smallest_arena`.
        name: Name of the array and of the files.
        golden: A sample with its result.

    Raises:
        ValueError: If the file is no .tflite, an input or output has a type that is neither float32
            nor int8, uint8, int16 or int32, `name` is not free in C and C++, `arena_bytes` is
            no whole number above 0, or `golden` does not fit the file.

    Example:
        >>> header, source = write_c_source("model_int8.tflite", "firmware", 103680)
    """
    _check_name(name)
    check_whole("arena_bytes", arena_bytes)
    file = Path(path)
    problem = check_header(file)
    if problem is not None:
        raise ValueError(f"{file} is not a usable .tflite file: {problem}.")
    data = file.read_bytes()
    inputs, outputs = _tensors(data, file)
    values: dict[str, np.ndarray] = {}
    if golden is not None:
        values = _golden("inputs", inputs, golden.inputs) | _golden(
            "outputs", outputs, golden.outputs
        )
    tensors = (*inputs, *outputs)
    header = _header(name, len(data), arena_bytes, tensors, values)
    source = _source(name, data, tensors, values)
    target = Path(folder)
    return write_atomic(target / f"{name}.h", header), write_atomic(target / f"{name}.cc", source)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name in _TAKEN.split():
        raise ValueError(
            "`name` must be a name in C and C++ that is not taken: letters, digits and single "
            f"underscores, beginning with a letter. Received: {name!r}. E.g. 'model_data'."
        )


def _tensors(data: bytes, file: Path) -> tuple[list[_Tensor], list[_Tensor]]:
    try:
        graph = flatbuffer.read(data).subgraphs[0]
    # A corrupt flatbuffer makes its reader stumble over whatever it holds.
    except Exception as error:
        raise ValueError(f"{file} is not a usable .tflite file: it cannot be read.") from error
    sides = []
    for side, indices in (("input", graph.inputs), ("output", graph.outputs)):
        labels = [side] if len(indices) == 1 else [f"{side}{i}" for i in range(len(indices))]
        sides.append(
            [_tensor(label, graph.tensors[i]) for label, i in zip(labels, indices, strict=True)]
        )
    return sides[0], sides[1]


def _tensor(label: str, tensor: schema.TensorT) -> _Tensor:
    if tensor.type not in _C_TYPES:
        raise ValueError(
            f"The {label} of the file must be float32, int8, uint8, int16 or int32. Received: type "
            f"{tensor.type} of the schema. Convert with io_dtype='int8'."
        )
    c_type, dtype = _C_TYPES[tensor.type]
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    quantized = tensor.quantization is not None and tensor.quantization.scale is not None
    return _Tensor(
        label=label,
        shape=shape,
        c_type=c_type,
        dtype=np.dtype(dtype),
        scale=float(tensor.quantization.scale[0]) if quantized else None,
        zero_point=int(tensor.quantization.zeroPoint[0]) if quantized else 0,
    )


def _golden(
    side: str, tensors: Sequence[_Tensor], arrays: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the checked arrays by the label of their tensor."""
    expected = [(x.dtype.name, x.shape) for x in tensors]
    received = [(array.dtype.name, array.shape) for array in arrays]
    if received != expected:
        raise ValueError(
            f"`golden.{side}` must be one sample in the file's types and shapes, {expected}. "
            f"Received: {received}."
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"`golden.{side}` must be finite. Received NaN or infinity.")
    return {tensor.label: array for tensor, array in zip(tensors, arrays, strict=True)}


def _header(
    name: str,
    length: int,
    arena_bytes: int,
    tensors: Sequence[_Tensor],
    golden: dict[str, np.ndarray],
) -> str:
    macro = name.upper()
    lines = [
        f"#ifndef {macro}_H_",
        f"#define {macro}_H_",
        "",
        "#include <stdint.h>",
        "",
        f"#define {macro}_BYTES {length}",
        f"#define {macro}_ARENA_BYTES {arena_bytes}",
    ]
    for x in tensors:
        prefix = f"#define {macro}_{x.label.upper()}"
        lines += [f"{prefix}_SIZE {int(np.prod(x.shape))}", f"{prefix}_RANK {len(x.shape)}"]
        if x.scale is not None:
            lines += [
                f"{prefix}_SCALE {_literal(np.float32(x.scale))}",
                f"{prefix}_ZERO_POINT ({x.zero_point})",
            ]
    lines += ["", "#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    lines += [f"extern {line};" for line in (_data_of(name), *_arrays(name, tensors, golden))]
    lines += ["", "#ifdef __cplusplus", "}", "#endif", "", f"#endif  // {macro}_H_", ""]
    return "\n".join(lines)


def _source(
    name: str, data: bytes, tensors: Sequence[_Tensor], golden: dict[str, np.ndarray]
) -> str:
    definitions = {_data_of(name): np.frombuffer(data, np.uint8), **_arrays(name, tensors, golden)}
    lines = [f'#include "{name}.h"']
    for declaration, values in definitions.items():
        lines += ["", f"alignas({_ALIGNMENT}) {declaration} = {{", *_initializer(values), "};"]
    return "\n".join([*lines, ""])


def _data_of(name: str) -> str:
    return f"const unsigned char {name}[{name.upper()}_BYTES]"


def _arrays(
    name: str, tensors: Sequence[_Tensor], golden: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the values of shapes and golden numbers by their declaration."""
    arrays = {}
    for x in tensors:
        macro = f"{name}_{x.label}".upper()
        if x.shape:
            arrays[f"const int32_t {name}_{x.label}_shape[{macro}_RANK]"] = np.array(x.shape)
        if x.label in golden:
            declaration = f"const {x.c_type} {name}_golden_{x.label}[{macro}_SIZE]"
            arrays[declaration] = golden[x.label]
    return arrays


def _initializer(values: np.ndarray) -> Iterator[str]:
    flat = values.ravel()
    literals = [_literal(value) for value in flat] if flat.dtype.kind == "f" else flat.tolist()
    for start in range(0, len(literals), _VALUES_A_LINE):
        yield "    " + ", ".join(map(str, literals[start : start + _VALUES_A_LINE])) + ","


def _literal(value: np.float32) -> str:
    # Nine digits bring every float back as it was.
    return f"{value:.8e}f"
