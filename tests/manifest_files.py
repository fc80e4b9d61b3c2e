"""Writes weights in the format of face-api, for the tests of its reader."""

import json

import numpy as np


def write_manifest(folder, groups, name="net_model-weights_manifest.json"):
    """Returns the path of a manifest; `groups` are lists of (weight, bytes), a file each."""
    manifest = []
    for i, weights in enumerate(groups):
        file = f"net_model{i}.bin"
        (folder / file).write_bytes(b"".join(content for _, content in weights))
        manifest.append({"weights": [weight for weight, _ in weights], "paths": [file]})
    path = folder / name
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


def plain(name, values, dtype="float32"):
    """A weight that is stored as it is, and its bytes."""
    array = np.asarray(values)
    entry = {"name": name, "shape": list(array.shape), "dtype": dtype}
    return entry, array.astype(np.dtype(dtype).newbyteorder("<")).tobytes()


def quantized(name, numbers, scale, least, dtype="float32", stored="uint8"):
    """A weight that is stored as whole numbers, and its bytes."""
    entry, content = plain(name, numbers, stored)
    quantization = {"dtype": stored, "scale": scale, "min": least}
    return {**entry, "dtype": dtype, "quantization": quantization}, content


def write_sample(folder):
    """Writes two weights, for the row of the reader in tests/fuzz."""
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(
        folder,
        [[quantized("kernel", [[0, 255], [1, 2]], 0.5, -1.0), plain("bias", [1.5, -2.0])]],
    )


def read_sample(folder):
    from keras_cv_course.faces.weights_manifest import read_manifest

    for values in read_manifest(folder / "net_model-weights_manifest.json").values():
        assert np.isfinite(values).all()
