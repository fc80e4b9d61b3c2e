"""Distances and similarities of two vectors, with which a Siamese network ends."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive
from keras_cv_course.ops.normalization import l2_normalize

_EPSILON = 1e-7


class _OfTwo(keras.layers.Layer):
    """A layer that is called on two tensors of one shape, `(batch, n)`."""

    def build(self, input_shape: Sequence[Sequence[int | None]]) -> None:
        """Checks that there are two tensors of one shape."""
        shapes = [tuple(shape) for shape in input_shape if isinstance(shape, tuple | list)]
        if len(shapes) != 2 or len(shapes[0]) != 2 or shapes[0] != shapes[1]:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} must be called on a list of two tensors of "
                f"one shape, (batch, n). Received: {input_shape}."
            )

    def compute_output_shape(
        self, input_shape: Sequence[Sequence[int | None]]
    ) -> tuple[int | None, ...]:
        """Returns the shape of a number for each pair."""
        return input_shape[0][0], 1


@keras.saving.register_keras_serializable(package="keras_cv_course")
class EuclideanDistance(_OfTwo):
    """Square root of the sum of squared differences of two vectors.

    Called on a list of two tensors `(batch, n)`, returns `(batch, 1)`: from `sqrt(epsilon)`, for
    equal vectors, upwards. Without epsilon the gradient of the root would be infinite there, and
    training end in NaN with the first pair of equal images. Quantization leaves the layer in
    float: 8 bits of a square are 4 of the distance, and small distances are what it is about.

    Args:
        epsilon: What is added under the root, above 0.
        **kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: If epsilon is not above 0, or the layer is called on anything else.

    Example:
        >>> distance = EuclideanDistance()([encoder(image_a), encoder(image_b)])
    """

    # 8 bits of a square are 4 of the difference: what is closer than a sixteenth of the largest
    # difference would be equal.
    float_island = True

    def __init__(self, epsilon: float = _EPSILON, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive("epsilon", epsilon)
        self.epsilon = epsilon

    def call(self, inputs: Sequence[Any]) -> Any:
        """Returns the distance of each pair."""
        a, b = inputs
        squares = ops.sum(ops.square(a - b), axis=-1, keepdims=True)
        return ops.sqrt(squares + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="keras_cv_course")
class CosineSimilarity(_OfTwo):
    """Cosine of the angle of two vectors: 1 for one direction, -1 for opposite ones.

    Called on a list of two tensors `(batch, n)`, of any length, returns `(batch, 1)`. A vector of
    zeros is like nothing: 0.
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """Returns the cosine of each pair."""
        a, b = inputs
        return ops.sum(l2_normalize(a) * l2_normalize(b), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class CosineDistance(CosineSimilarity):
    """1 less the cosine of the angle of two vectors: from 0, for one direction, to 2.

    Called on a list of two tensors `(batch, n)`, returns `(batch, 1)`.
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """Returns the distance of each pair."""
        return 1.0 - super().call(inputs)


@keras.saving.register_keras_serializable(package="keras_cv_course")
class AbsoluteDifference(_OfTwo):
    """Absolute difference of two vectors, value by value.

    Called on a list of two tensors `(batch, n)`, returns `(batch, n)`. A dense layer behind it
    learns which values distinguish people.

    Reference:
        "Siamese Neural Networks for One-shot Image Recognition", Koch et al., ICML 2015 deep
        learning workshop, section 3.1.
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """Returns the difference of each pair."""
        a, b = inputs
        return ops.absolute(a - b)

    def compute_output_shape(
        self, input_shape: Sequence[Sequence[int | None]]
    ) -> tuple[int | None, ...]:
        """Returns the shape of one of the inputs."""
        return tuple(input_shape[0])
