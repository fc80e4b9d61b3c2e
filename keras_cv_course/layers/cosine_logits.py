"""The classifier of margin losses: how alike an embedding is to the vector of each class."""

from typing import Any

import keras

from keras_cv_course._validation import check_whole
from keras_cv_course.ops.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_cv_course")
class CosineLogits(keras.layers.Layer):
    """Cosine of the angle of each embedding to one learned vector a class.

    Called on embeddings `(batch, n)` of any length, returns `(batch, classes)` in [-1, 1], for
    `ArcFace` or `CosFace`. It is needed in training alone: the encoder before it is what is kept.

    Args:
        classes: Number of people.
        **kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: If `classes` is not above 0.

    Example:
        >>> head = keras.Model(encoder.input, CosineLogits(70)(encoder.output))
        >>> head.compile("adam", ArcFace(), metrics=["accuracy"])

    Reference:
        ArcFace, arXiv:1801.07698, section 3.1, the normalized weight W of equation 2.
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_whole("classes", classes)
        self.classes = classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the vectors of the classes."""
        self.kernel = self.add_weight(
            name="kernel", shape=(self.classes, input_shape[-1]), initializer="glorot_uniform"
        )

    def call(self, inputs: Any) -> Any:
        """Returns the cosine of each embedding to each class."""
        vectors = l2_normalize(keras.ops.convert_to_tensor(self.kernel))
        return keras.ops.matmul(l2_normalize(inputs), keras.ops.transpose(vectors))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of a number for each class."""
        return *input_shape[:-1], self.classes

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {"classes": self.classes}
