"""The graph passes before every quantization, in their order."""

from collections.abc import Collection

import keras

from keras_cv_course.quantization.folding import fold_constant_factors
from keras_cv_course.quantization.primitives import split_into_primitives
from keras_cv_course.quantization.vector_head import vectorize_head


def rewrite_for_integers(model: keras.Model, keep: Collection[str] = ()) -> keras.Model:
    """Returns a flat model with the same outputs, in operations that have fast int8 kernels.

    Args:
        model: Functional or built Sequential model; it is left as it is.
        keep: Names of layers that stay as they are.

    Raises:
        TypeError: If the model or one inside it is subclassed.
    """
    return fold_constant_factors(vectorize_head(split_into_primitives(model, keep)))
