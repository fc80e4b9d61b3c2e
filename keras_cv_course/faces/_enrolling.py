"""What a gallery takes: embeddings of unit length, and names in one form."""

import json
import unicodedata

import numpy as np

from keras_cv_course._validation import shortened

LONGEST_NAME = 512  # bytes


def unit_length(embedding: np.ndarray) -> np.ndarray:
    """Returns embeddings `(n, d)` of unit length, checked."""
    vectors = np.asarray(embedding, np.float64)
    if vectors.ndim == 1:
        vectors = vectors[None]
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(
            f"`embedding` must have the shape (d,) or (n, d). Received: {vectors.shape}."
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError(
            "`embedding` must be finite, and not all zero. Received lengths: "
            f"{lengths.ravel()[:5].tolist()}."
        )
    return (vectors / lengths).astype(np.float32)


def checked_name(name: str) -> str:
    """Returns a name in the one form in which it is stored."""
    if not isinstance(name, str):
        raise TypeError(f"`name` must be text. Received: {shortened(name)}.")
    # Some file systems write é as e and an accent.
    name = unicodedata.normalize("NFC", name)
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise ValueError(
            "`name` must be text of one line, without blanks around it. Received: "
            + shortened(name)
        )
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(
            f"`name` must have at most {LONGEST_NAME} bytes in UTF-8. Received: "
            f"{len(name.encode())} bytes, {name[:20]!r}…"
        )
    return name


def is_named(name: str) -> str:
    """Returns Milvus' condition for the faces of a person; its strings have JSON's escapes."""
    return f"name == {json.dumps(name, ensure_ascii=False)}"
