"""Label smoothing as the Bag of Tricks writes it, on Keras' losses, which write it otherwise."""

import keras

from keras_cv_course._validation import check_rate


def keras_label_smoothing(epsilon: float, classes: int) -> float:
    """Returns what Keras calls `label_smoothing` for a smoothing by `epsilon`.

    Here the true class is `1 - epsilon`, and each of the n - 1 others `epsilon / (n - 1)`. Keras
    spreads its `label_smoothing` e over all classes, the true one as well: `1 - e + e / n` and
    `e / n`. Both are the same labels where `e = epsilon * n / (n - 1)`.

    Args:
        epsilon: Share that the true class gives away, at least 0, at most `(classes - 1) /
            classes`, at which all classes are equal.
        classes: Number of classes, at least 2.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> round(keras_label_smoothing(0.1, 1000), 7)
        0.1001001

    Reference:
        Bag of Tricks for Image Classification with Convolutional Neural Networks, T. He et al.,
        arXiv:1812.01187, equation 4; Rethinking the Inception Architecture for Computer Vision,
        arXiv:1512.00567, section 7, for the form of Keras.
    """
    check_rate("epsilon", epsilon)
    if classes < 2:
        raise ValueError(f"`classes` must be at least 2 to smooth labels. Received: {classes!r}.")
    if epsilon > (classes - 1) / classes:
        raise ValueError(
            f"`epsilon` must be at most {(classes - 1) / classes:.4g} for {classes} classes: more "
            f"would make another class more probable than the true one. Received: {epsilon!r}."
        )
    return epsilon * classes / (classes - 1)


def smoothed_cross_entropy(
    epsilon: float, classes: int, from_logits: bool = False
) -> keras.losses.CategoricalCrossentropy:
    """Returns Keras' cross-entropy for labels `(batch, classes)`, which it smooths by `epsilon`.

    Mixed labels are smoothed as well: each class gives `epsilon` of its share to the others.

    Args:
        epsilon: Share that the true class gives away, see `keras_label_smoothing`.
        classes: Number of classes.
        from_logits: Whether the model gives logits, and not probabilities.

    Example:
        >>> model.compile("adam", smoothed_cross_entropy(0.1, classes=10), metrics=["accuracy"])
    """
    smoothing = keras_label_smoothing(epsilon, classes) if epsilon else 0.0
    return keras.losses.CategoricalCrossentropy(from_logits=from_logits, label_smoothing=smoothing)
