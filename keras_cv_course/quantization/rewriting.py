"""The graph passes before every quantization, in their order."""

from collections.abc import Collection

import keras

from keras_cv_course.quantization.folding import fold_with_gains
from keras_cv_course.quantization.gains import Gain
from keras_cv_course.quantization.lone_relu import carry_lone_relus
from keras_cv_course.quantization.offsets import fold_offsets
from keras_cv_course.quantization.primitives import split_into_primitives
from keras_cv_course.quantization.vector_head import vectorize_head


def rewrite_for_integers(model: keras.Model, keep: Collection[str] = ()) -> keras.Model:
    """Returns a flat model with the same outputs, in operations that have fast int8 kernels.

    Args:
        model: Functional or built Sequential model; it is not changed.
        keep: Names of layers that stay as they are.

    Raises:
        TypeError: If the model or one inside it is subclassed.
    """
    # Training keeps the offsets: a bias in their place would not follow its kernel.
    return fold_offsets(rewrite_with_gains(model, keep)[0], keep)


def rewrite_with_gains(
    model: keras.Model, keep: Collection[str] = ()
) -> tuple[keras.Model, dict[str, Gain]]:
    """Returns what `rewrite_for_integers` does, and the gains that kernels have absorbed.

    Args:
        model: As in `rewrite_for_integers`.
        keep: As in `rewrite_for_integers`.

    Returns:
        The model, and gains by layer names, see `fold_with_gains`.
    """
    primitives = vectorize_head(split_into_primitives(model, keep))
    return fold_with_gains(carry_lone_relus(primitives, keep))
