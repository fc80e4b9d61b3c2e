"""Reading Keras' weight files, layer by layer, without building the model that wrote them."""

import io
import os
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_cv_course._containers import check_hdf5, most_unpacked, read_member
from keras_cv_course.names import split_number

# What Keras 3 calls a layer in a file, by the layer's class.
_KEYS = {
    "BatchNormalization": "batch_normalization",
    "Conv2D": "conv2d",
    "Dense": "dense",
    "DepthwiseConv2D": "depthwise_conv2d",
    "GroupedConv2D": "grouped_conv2d",
    "Normalization": "normalization",
}


@dataclass(frozen=True)
class StoredLayer:
    """Weights of one layer as they were saved.

    Attributes:
        name: Name of the layer in the file.
        arrays: Its weights in Keras' order, e.g. kernel and bias.
        origin: Name of the layer in the model, where the file has that too.
    """

    name: str
    arrays: tuple[np.ndarray, ...]
    origin: str = ""


def read_layers(
    path: str | os.PathLike[str], layers: list[keras.layers.Layer]
) -> list[StoredLayer]:
    """Returns the layers with weights that a file holds, in the order of the network.

    Args:
        path: HDF5 weights of Keras 2 or 3 (`.h5`, `.weights.h5`), or a whole model (`.keras`,
            `.h5`).
        layers: Layers with weights of the network to be filled. Files of Keras 3 count layers
            class by class, and this is the order of the classes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is broken or is no Keras file, refers to other files, unpacks to far more
            than its size, or holds NaN.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"`weights` must be None, 'imagenet' or the path of a file. There is no file {path}."
        )
    try:
        source = _open_hdf5(path)
        with h5py.File(source, "r") as file:
            check_hdf5(file, path.stat().st_size)
            if "layers" in file:
                stored = _in_order(_read_by_class(file["layers"]), layers)
            else:
                stored = _read_by_name(file.get("model_weights", file))
            _check_finite(stored)
    # What h5py, zipfile and NumPy raise for files that are corrupt or of another kind is not
    # limited to a few classes.
    except Exception as error:
        raise ValueError(
            f"{path} must be a complete weights file of Keras (.weights.h5, .h5) or a saved model "
            f"(.keras, .h5); it cannot be read: {error}. Copy or download it again."
        ) from error
    if not stored:
        raise ValueError(f"{path} must hold the weights of a Keras model; it holds no layers.")
    return stored


def _open_hdf5(path: Path) -> Path | io.BytesIO:
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        largest = most_unpacked(path.stat().st_size)
        return io.BytesIO(read_member(archive, "model.weights.h5", largest))


def _check_finite(stored: list[StoredLayer]) -> None:
    for layer in stored:
        if not all(np.isfinite(array).all() for array in layer.arrays):
            raise ValueError(f"layer {layer.name!r} holds NaN or infinity")


def _read_by_name(group: h5py.Group) -> list[StoredLayer]:
    """Reads Keras 2's layout: attributes list the layers, and the weights of each, in order."""
    stored = []
    for name in _listed(group, "layer_names"):
        weights = group[name]
        arrays = tuple(np.asarray(weights[w]) for w in _listed(weights, "weight_names"))
        if arrays:
            stored.append(StoredLayer(name, arrays, name))
    return stored


def _listed(group: h5py.Group, attribute: str) -> list[str]:
    """Returns the names in an attribute, which Keras splits in numbered parts when it is long."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        numbers = range(len(group.attrs))
        keys = [f"{attribute}{n}" for n in numbers if f"{attribute}{n}" in group.attrs]
        parts = [group.attrs[key] for key in keys]
    return [
        name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part
    ]


def _read_by_class(group: h5py.Group) -> dict[str, list[StoredLayer]]:
    """Reads Keras 3's layout: `conv2d`, `conv2d_1`, ... each with numbered `vars`."""
    numbered: dict[str, dict[int, StoredLayer]] = defaultdict(dict)
    for name, member in group.items():
        variables = member.get("vars", {})
        arrays = tuple(np.asarray(variables[key]) for key in sorted(variables, key=int))
        if arrays:
            kind, number = split_number(name)
            origin = str(variables.attrs.get("name", ""))
            numbered[kind][number] = StoredLayer(name, arrays, origin)
    return {kind: [by[n] for n in sorted(by)] for kind, by in numbered.items()}


def _in_order(
    by_class: dict[str, list[StoredLayer]], layers: list[keras.layers.Layer]
) -> list[StoredLayer]:
    """Returns the stored layers as the classes of `layers` alternate, left-overs at the end.

    A classifier may be a dense layer in the one and a 1x1 convolution in the other.
    """
    stored = []
    for layer in layers:
        kind = _KEYS[type(layer).__name__]
        if not by_class.get(kind) and kind in ("conv2d", "dense"):
            kind = "dense" if kind == "conv2d" else "conv2d"
        if by_class.get(kind):
            stored.append(by_class[kind].pop(0))
    return stored + [left for lefts in by_class.values() for left in lefts]
