"""The preprocessing of the course: zero mean, unit variance, no correlation, whitened."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_cv_course._validation import check_choice, check_positive

KINDS = ("mean", "normalize", "decorrelate", "pca", "zca")
_MOST_FEATURES = 8192


@keras.saving.register_keras_serializable(package="keras_cv_course")
class Whitening(keras.layers.Layer):
    """Centres, normalizes, decorrelates or whitens its inputs by statistics that `adapt` measures.

    With the mean m, covariance C = U diag(s) U^T and deviations d of the features x:

    - "mean": x - m;
    - "normalize": (x - m) / sqrt(d^2 + epsilon), each feature with variance 1;
    - "decorrelate": (x - m) U, with a diagonal covariance, the largest variance first;
    - "pca": (x - m) U / sqrt(s + epsilon), with the identity as covariance;
    - "zca": (x - m) U / sqrt(s + epsilon) U^T, which has it too, and of all such is the closest to
      x, so that images remain images.

    Outputs have the shape of the inputs, in float32 of any size and sign: the features of
    "decorrelate" and "pca" are not pixels. `keras.layers.Normalization` is the better choice for
    "normalize" alone in a network that is to be exported.

    Args:
        kind: One of those.
        features: "channels" for statistics of the last axis over all pixels, for inputs of any
            size; "all" for all values of an input, up to 8192, whose shape must be known.
        epsilon: Added to variances, so that features that never change do not divide by 0.
        **kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is not one of those, or there are too many features.

    Example:
        >>> whiten = Whitening("zca", features="all")
        >>> whiten.adapt(images)  # (n, 32, 32, 3)
        >>> whitened = whiten(images)

    Reference:
        Learning Multiple Layers of Features from Tiny Images, A. Krizhevsky, 2009, appendix A;
        the covariance divides by the number of samples.
    """

    def __init__(
        self, kind: str = "zca", features: str = "channels", epsilon: float = 1e-5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_choice("kind", kind, KINDS)
        check_choice("features", features, ("channels", "all"))
        check_positive("epsilon", epsilon)
        self.kind = kind
        self.features = features
        self.epsilon = epsilon

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates mean and matrix, which change nothing until `adapt` has been called."""
        own = input_shape[1:] if self.features == "all" else input_shape[-1:]
        count = math.prod(size or 0 for size in own)
        if not 0 < count <= _MOST_FEATURES:
            raise ValueError(
                f"Whitening needs a known number of at most {_MOST_FEATURES} features. Received "
                f"inputs of shape {tuple(input_shape)} with features={self.features!r}. Use "
                "smaller images, or features='channels'."
            )
        options = {"trainable": False, "dtype": "float32"}
        self.mean = self.add_weight(name="mean", shape=(count,), initializer="zeros", **options)
        self.matrix = self.add_weight(
            name="matrix", shape=(count, count), initializer="identity", **options
        )

    def adapt(self, data: Any) -> None:
        """Measures mean and covariance of data, and sets the layer to them.

        Args:
            data: An array `(n, ...)`, or an iterable of such batches, like a `tf.data.Dataset` of
                images without labels.

        Raises:
            ValueError: If there are fewer than two samples.
        """
        batches: Iterable[Any] = [data] if hasattr(data, "shape") else data
        count, mean, scatter = 0, np.zeros(1), np.zeros((1, 1))
        for batch in batches:
            if not self.built:
                self.build(tuple(batch.shape))
            x = np.asarray(batch, np.float64).reshape(-1, self.mean.shape[0])
            own = x.mean(axis=0)
            # Moments of both parts together; a sum of squares would lose the small variances.
            total = count + len(x)
            delta = own - mean
            scatter = scatter + (x - own).T @ (x - own)
            scatter = scatter + np.outer(delta, delta) * (count * len(x) / total)
            mean = mean + delta * (len(x) / total)
            count = total
        if count < 2:
            raise ValueError(f"`data` must hold at least two samples. Received: {count}.")
        self.mean.assign(mean)
        self.matrix.assign(_matrix(self.kind, scatter / count, self.epsilon))

    def call(self, inputs: Any) -> Any:
        """Returns the inputs, transformed; of the same shape."""
        x = ops.cast(inputs, "float32")
        flat = ops.reshape(x, (-1, self.mean.shape[0]))  # (samples, features)
        return ops.reshape(ops.matmul(flat - self.mean, self.matrix), ops.shape(x))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the inputs."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        own = {"kind": self.kind, "features": self.features, "epsilon": self.epsilon}
        return super().get_config() | own


def _matrix(kind: str, covariance: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns what centred features are multiplied by."""
    if kind == "mean":
        return np.eye(len(covariance))
    if kind == "normalize":
        return np.diag(1 / np.sqrt(np.diag(covariance) + epsilon))
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = np.maximum(variances[::-1], 0), axes[:, ::-1]
    if kind == "decorrelate":
        return axes
    whitened = axes / np.sqrt(variances + epsilon)
    return whitened if kind == "pca" else whitened @ axes.T
