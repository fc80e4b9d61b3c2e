"""Sets the last layers of an encoder from the statistics of people's pictures."""

import keras
import numpy as np
from scipy.linalg import eigh
from sklearn.decomposition import PCA

from keras_cv_course._validation import check_positive
from keras_cv_course.ops.normalization import l2_normalize

_BATCH = 64


def fit_projection(
    encoder: keras.Model,
    pictures: np.ndarray,
    labels: np.ndarray,
    components: int = 200,
    shrinkage: float = 0.1,
    seed: int = 0,
) -> None:
    """Sets the projection of a `FaceEncoder` so that it tells people apart; nothing else changes.

    The features of each map are reduced to their principal components. Then directions in which
    pictures of one person differ are made short: within a person, all directions vary alike
    (within-class covariance normalization). If there are more people than the embedding has
    values, the directions are those that tell the people apart (linear discriminants), each as
    long as it is reliable; else those in which the pictures vary most, since fewer people than
    directions say too little about these. No gradients, a minute or so, and for a few dozen to a
    few hundred people hard to beat by training.

    Args:
        encoder: What `FaceEncoder` has returned, on a trained backbone.
        pictures: As the encoder takes them, `(n, height, width, channels)`; mirrored and shifted
            copies among them make it indifferent to that.
        labels: Who is on each, whole numbers `(n,)`; at least two people, one with two pictures.
        components: Principal components of each feature map, at most.
        shrinkage: Share of the within-person covariance that is taken from a sphere, above 0 and at
            most 1; more for less data.
        seed: Decides the random part of the decomposition.

    Raises:
        ValueError: If the model is no `FaceEncoder`, or an argument is out of its range.

    Example:
        >>> fit_projection(encoder, pictures, people.labels)

    Reference:
        "Within-class covariance normalization for SVM-based speaker recognition", Hatch, Kajarekar
        and Stolcke, Interspeech 2006. "Probabilistic Linear Discriminant Analysis", Ioffe, ECCV
        2006, section 3: how reliable a discriminant is.
    """
    projections = _projections(encoder)
    labels = np.asarray(labels)
    check_positive("components", components)
    if not 0 < shrinkage <= 1:
        raise ValueError(f"`shrinkage` must be above 0 and at most 1. Received: {shrinkage!r}.")
    people = np.unique(labels)
    if labels.shape != (len(pictures),) or not 1 < len(people) < len(labels):
        raise ValueError(
            "`labels` must be the person on each picture, of at least two people, one of them with "
            f"two pictures. Received: the shape {labels.shape}, {len(people)} people, for "
            f"{len(pictures)} pictures."
        )
    parts, bases = [], []
    for features in _features(encoder, projections, pictures):
        pca = PCA(min(components, *features.shape), svd_solver="randomized", random_state=seed)
        part = pca.fit_transform(features)
        scale = np.sqrt(np.sum(pca.explained_variance_))
        parts.append(part / scale)
        bases.append((pca.mean_, pca.components_.T / scale))
    size = projections[0].units
    mapping = _mapping(np.concatenate(parts, axis=1), labels, size, shrinkage)
    mapping = np.pad(mapping, [(0, 0), (0, size - mapping.shape[1])])
    bias, start = np.zeros(size), 0
    for projection, (mean, basis) in zip(projections, bases, strict=True):
        kernel = basis @ mapping[start : start + basis.shape[1]]
        start += basis.shape[1]
        bias -= mean @ kernel
        projection.kernel.assign(kernel)
    projections[0].bias.assign(bias)


def _projections(encoder: keras.Model) -> list[keras.layers.Dense]:
    end = encoder.layers[-1]
    found = [x for x in encoder.layers if x.name.endswith("projection")]
    dense = bool(found) and all(isinstance(x, keras.layers.Dense) for x in found)
    if getattr(end, "activation", None) is not l2_normalize or not dense:
        raise ValueError(
            "`encoder` must be what FaceEncoder returns, whose dense layers are called projection. "
            f"Received: {encoder.name!r}."
        )
    return found


def _features(
    encoder: keras.Model, projections: list[keras.layers.Dense], pictures: np.ndarray
) -> list[np.ndarray]:
    """Returns what each projection gets, float32 `(n, values)`."""
    inner = keras.Model(encoder.input, [x.input for x in projections])
    parts: list[list[np.ndarray]] = [[] for _ in projections]
    for start in range(0, len(pictures), _BATCH):
        outputs = inner(pictures[start : start + _BATCH], training=False)
        for part, y in zip(parts, keras.tree.flatten(outputs), strict=True):
            part.append(np.asarray(y))
    return [np.concatenate(part) for part in parts]


def _mapping(x: np.ndarray, labels: np.ndarray, size: int, shrinkage: float) -> np.ndarray:
    """Returns `(values of x, at most size)`: what embeds rows of x, which have the mean 0."""
    x = x.astype(np.float64)
    _, rows, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), x.shape[1]))
    np.add.at(means, rows, x)
    means /= counts[:, None]
    rest = x - means[rows]
    within = rest.T @ rest / len(x)
    sphere = np.trace(within) / len(within) * np.eye(len(within))
    within = (1 - shrinkage) * within + shrinkage * sphere
    between = (means * counts[:, None]).T @ means / len(x)
    size = min(size, x.shape[1])
    last = (x.shape[1] - size, x.shape[1] - 1)
    if len(counts) <= size:
        _, directions = eigh(x.T @ x / len(x), within, subset_by_index=last)
        return np.asarray(directions[:, ::-1])
    # In a direction of unit variance within people, `values` is that between their means.
    values, directions = eigh(between, within, subset_by_index=last)
    values = np.maximum(values, 0.0)
    return np.asarray((directions * np.sqrt(values / (1 + values)))[:, ::-1])
