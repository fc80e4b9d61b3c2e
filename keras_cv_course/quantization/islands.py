"""Float islands: layers that compute in float in every file, at any place in a network.

A layer declares itself one with the class attribute `float_island = True`: quantization rounds
neither its weights nor anything inside of it, and its neighbours are int8 all the same. A layer
that also has `converts_alone = True` becomes a file of its own, between those of the network before
and behind it, so that it may have operators that no quantizer knows, or must not touch.
"""

import keras

from keras_cv_course.quantization.graph import as_functional


def is_float_island(operation: keras.Operation) -> bool:
    """Whether an operation declares that it stays in float."""
    return bool(getattr(operation, "float_island", False))


def converts_alone(operation: keras.Operation) -> bool:
    """Whether an operation declares that it is an island with a file of its own."""
    return is_float_island(operation) and bool(getattr(operation, "converts_alone", False))


def float_islands(model: keras.Model) -> list[str]:
    """Returns the names of the layers that declare themselves float islands.

    Args:
        model: Functional or built Sequential model, which may hold others.
    """
    names = []
    for operation in as_functional(model).operations:
        if isinstance(operation, keras.Model):
            names.extend(float_islands(operation))
        elif is_float_island(operation):
            names.append(operation.name)
    return list(dict.fromkeys(names))
