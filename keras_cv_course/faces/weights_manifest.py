"""Reads weights as TensorFlow.js and face-api store them: a manifest, and files of numbers."""

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from keras_cv_course._reading import parse_json, read_bytes
from keras_cv_course._validation import shortened

_DTYPES = ("float32", "int32")
_QUANTIZED = ("uint8", "uint16")
_MOST_DIMENSIONS = 8


def read_manifest(
    path: str | os.PathLike[str], sha256: Mapping[str, str] | None = None
) -> dict[str, np.ndarray]:
    """Returns the arrays of a manifest and of the files that it names, in its order.

    A number of a quantized array is `stored * scale + min`, computed in double precision.

    Args:
        path: A file like "face_landmark_68_model-weights_manifest.json". The files of numbers lie
            beside it.
        sha256: SHA-256 in hexadecimal by file name, of the manifest and of all that it names. A
            file that has another one is not read any further. None takes any file.

    Returns:
        float32 or int32 arrays by name, with the shapes of TensorFlow and Keras.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file has another SHA-256, is no manifest, or has more or fewer bytes than
            the arrays need; if an array has a type, shape or value that is none.

    Reference:
        TensorFlow.js, `WeightsManifestConfig` of tfjs-core: groups of arrays, whose bytes follow
        each other without gaps, little endian, in all files of the group.
    """
    path = Path(path)
    groups = parse_json(_checked_bytes(path, sha256), path)
    arrays: dict[str, np.ndarray] = {}
    for group in _listed(groups, "a list of groups", path):
        for name, array in _group(group, path, sha256):
            if name in arrays:
                raise ValueError(f"{path} names the weight {shortened(name)} twice.")
            arrays[name] = array
    return arrays


def _checked_bytes(path: Path, sha256: Mapping[str, str] | None) -> bytes:
    """Returns the content of a file; raises if it is not the one that was expected."""
    content = read_bytes(path)
    if sha256 is None:
        return content
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.get(path.name):
        raise ValueError(
            f"{path} is not the file that it should be: its SHA-256 is {found}, and not "
            f"{sha256.get(path.name)}. It was damaged, cut or changed: fetch it again."
        )
    return content


def _group(
    group: Any, path: Path, sha256: Mapping[str, str] | None
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and arrays of a group, whose files hold neither more nor less."""
    if not isinstance(group, dict):
        raise ValueError(f"{path} must hold groups of weights. Received: {shortened(group)}.")
    names = _listed(group.get("paths"), 'the list "paths" in each group', path)
    content = b"".join(_checked_bytes(_beside(path, name), sha256) for name in names)
    start = 0
    for weight in _listed(group.get("weights"), 'the list "weights" in each group', path):
        name, shape, stored = _layout(weight, path)
        count = math.prod(shape)  # Python's, which does not overflow
        end = start + count * stored.itemsize
        if end > len(content):
            raise ValueError(
                f"{path}: {shortened(name)}, {tuple(shape)} of {stored.name}, needs the bytes "
                f"{start:,} to {end:,} of {shortened(names)}, which have {len(content):,}."
            )
        values = np.frombuffer(content, stored, count, start).reshape(shape)
        yield name, _values(values, weight, path)
        start = end
    if start != len(content):
        raise ValueError(
            f"{path}: {shortened(names)} must have {start:,} bytes for the weights of their group. "
            f"They have {len(content):,}."
        )


def _listed(value: Any, what: str, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{path} must hold {what}. Received: {shortened(value)}.")
    return value


def _beside(path: Path, name: Any) -> Path:
    """Returns the path of a file of numbers, which may lie in no other folder."""
    plain = isinstance(name, str) and name not in ("", ".", "..") and "\0" not in name
    if not plain or {PurePosixPath(name).name, PureWindowsPath(name).name} != {name}:
        raise ValueError(f"{path} must name files that lie beside it. Received: {shortened(name)}.")
    return path.with_name(name)


def _layout(weight: Any, path: Path) -> tuple[str, list[int], np.dtype]:
    """Returns name and shape of an array, and the type that its numbers are stored in."""
    if not isinstance(weight, dict) or not isinstance(weight.get("name"), str):
        raise ValueError(f"{path} must give each weight a name. Received: {shortened(weight)}.")
    name, shape = weight["name"], weight.get("shape")
    sizes = shape if isinstance(shape, list) and len(shape) <= _MOST_DIMENSIONS else [0]
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(
            f"{path}: the shape of {shortened(name)} must be sizes above 0. "
            f"Received: {shortened(shape)}."
        )
    stored = weight.get("dtype")
    if stored not in _DTYPES:
        raise _other_type(path, name, stored, _DTYPES)
    if "quantization" in weight:
        quantization = weight["quantization"]
        stored = quantization.get("dtype") if isinstance(quantization, dict) else quantization
        if stored not in _QUANTIZED:
            raise _other_type(path, name, stored, _QUANTIZED)
    return name, sizes, np.dtype(stored).newbyteorder("<")


def _other_type(path: Path, name: str, received: Any, types: tuple[str, ...]) -> ValueError:
    return ValueError(
        f"{path}: the type of {shortened(name)} must be one of {', '.join(types)}. "
        f"Received: {shortened(received)}."
    )


def _values(stored: np.ndarray, weight: Mapping[str, Any], path: Path) -> np.ndarray:
    """Returns the numbers that stored ones stand for."""
    dtype = np.dtype(weight["dtype"])
    values = stored
    if "quantization" in weight:
        scale, least = (
            _number(weight["quantization"].get(key, default), key, weight["name"], path)
            for key, default in (("scale", 1.0), ("min", 0.0))
        )
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            values = stored.astype(np.float64) * scale + least
        values = np.round(values) if dtype.kind == "i" else values
    most = np.iinfo(dtype).max if dtype.kind == "i" else np.finfo(dtype).max
    if not (np.abs(values.astype(np.float64)) <= float(most)).all():
        raise ValueError(
            f"{path}: {shortened(weight['name'])} holds values that are no finite {dtype.name}."
        )
    return values.astype(dtype)


def _number(value: Any, key: str, name: str, path: Path) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(
            f'{path}: "{key}" of {shortened(name)} must be a finite number. '
            f"Received: {shortened(value)}."
        )
    return float(value)
