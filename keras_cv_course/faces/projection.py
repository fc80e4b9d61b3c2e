"""Sets the last layers of an encoder from the statistics of people's images."""

from collections.abc import Sequence

import keras
import numpy as np
from scipy.linalg import eigh
from sklearn.decomposition import PCA

from keras_cv_course._validation import check_whole
from keras_cv_course.ops.normalization import l2_normalize

_BATCH = 64


def fit_projection(
    encoder: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    basis: np.ndarray | None = None,
    components: int = 200,
    shrinkage: float = 0.1,
    seed: int = 0,
) -> None:
    """Sets the projection of a `FaceEncoder` so that it separates people; nothing else changes.

    The features of each map are reduced to their principal components. Then directions in which
    images of one person differ are made short: within a person, all directions vary alike
    (within-class covariance normalization). If there are more people than the embedding has
    values, the directions are those that separate the people (linear discriminants), each as
    long as it is reliable; else those in which the images vary most, since fewer people than
    directions say too little about these. There are no gradients, and it takes a minute or so;
    `benchmarks/faces.md` has what it reaches.

    Args:
        encoder: What `FaceEncoder` has returned, on a trained backbone.
        images: As the encoder takes them, `(n, height, width, channels)`; mirrored and shifted
            copies among them make it indifferent to that.
        labels: Who is on each, whole numbers `(n,)`; at least two people, one with two images.
        basis: Images of other people, without names, to compute the principal components
            in. A few dozen people have too few faces for that. None takes `images`.
        components: Principal components of each feature map, at most.
        shrinkage: Share of the within-person covariance that is taken from a sphere, above 0 and at
            most 1; more for less data.
        seed: Decides the random part of the decomposition.

    Raises:
        ValueError: If the model is no `FaceEncoder`, or an argument is out of its range.

    Example:
        >>> fit_projection(encoder, images, people.labels)

    Reference:
        "Within-class covariance normalization for SVM-based speaker recognition", Hatch, Kajarekar
        and Stolcke, Interspeech 2006. "Probabilistic Linear Discriminant Analysis", Ioffe, ECCV
        2006, section 3: how reliable a discriminant is.
    """
    own = frozen_features(encoder, images)
    others = own if basis is None else frozen_features(encoder, basis)
    set_projection(encoder, own, labels, others, components, shrinkage, seed)


def frozen_features(encoder: keras.Model, images: np.ndarray) -> list[np.ndarray]:
    """Returns what each projection of a `FaceEncoder` gets, float32 `(n, values)`.

    For fitting more than once: `fit_projection` is `set_projection` on these.

    Args:
        encoder: What `FaceEncoder` has returned.
        images: As it takes them, `(n, height, width, channels)`.

    Raises:
        ValueError: If the model is no `FaceEncoder`.
    """
    projections = _projections(encoder)
    inner = keras.Model(encoder.input, [x.input for x in projections])
    parts: list[list[np.ndarray]] = [[] for _ in projections]
    for start in range(0, len(images), _BATCH):
        outputs = inner(images[start : start + _BATCH], training=False)
        for part, y in zip(parts, keras.tree.flatten(outputs), strict=True):
            part.append(np.asarray(y))
    return [np.concatenate(part) for part in parts]


def set_projection(
    encoder: keras.Model,
    features: Sequence[np.ndarray],
    labels: np.ndarray,
    basis: Sequence[np.ndarray],
    components: int = 200,
    shrinkage: float = 0.1,
    seed: int = 0,
) -> None:
    """Does what `fit_projection` does, of features that are known already.

    Args:
        encoder: As there.
        features: Of the images, as `frozen_features` returns them.
        labels: As there.
        basis: Features that the principal components are found in.
        components: As there.
        shrinkage: As there.
        seed: As there.

    Raises:
        ValueError: As there.
    """
    projections = _projections(encoder)
    labels = np.asarray(labels)
    check_whole("components", components)
    if not 0 < shrinkage <= 1:
        raise ValueError(f"`shrinkage` must be above 0 and at most 1. Received: {shrinkage!r}.")
    people = np.unique(labels)
    if labels.shape != (len(features[0]),) or not 1 < len(people) < len(labels):
        raise ValueError(
            "`labels` must be the person on each image, of at least two people, one of them with "
            f"two images. Received: the shape {labels.shape}, {len(people)} people, for "
            f"{len(features[0])} images."
        )
    parts, directions = [], []
    for own, wide in zip(features, basis, strict=True):
        count = min(components, *wide.shape)
        # More iterations would change the last components, on which little depends.
        pca = PCA(count, svd_solver="randomized", iterated_power=2, random_state=seed).fit(wide)
        scaled = pca.components_.T / np.sqrt(np.sum(pca.explained_variance_))
        parts.append(own @ scaled)
        directions.append(scaled)
    size = projections[0].units
    x = np.concatenate(parts, axis=1).astype(np.float64)
    mean = np.mean(x, axis=0)
    mapping = _mapping(x - mean, labels, size, shrinkage)
    mapping = np.pad(mapping, [(0, 0), (0, size - mapping.shape[1])])
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    kernels = zip(projections, directions, np.split(mapping, ends), strict=True)
    for projection, scaled, rows in kernels:
        projection.kernel.assign(scaled @ rows)
    projections[0].bias.assign(-mean @ mapping)


def _projections(encoder: keras.Model) -> list[keras.layers.Dense]:
    end = encoder.layers[-1]
    layers = [x for x in encoder.layers if x.name.endswith("projection")]
    dense = bool(layers) and all(isinstance(x, keras.layers.Dense) for x in layers)
    if getattr(end, "activation", None) is not l2_normalize or not dense:
        raise ValueError(
            "`encoder` must be what FaceEncoder returns, whose dense layers are called projection. "
            f"Received: {encoder.name!r}."
        )
    return layers


def _mapping(x: np.ndarray, labels: np.ndarray, size: int, shrinkage: float) -> np.ndarray:
    """Returns `(values of x, at most size)`: what embeds rows of x, which have the mean 0."""
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
