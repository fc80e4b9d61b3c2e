"""A linear classifier on what a network sees at several depths, for few images."""

from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from keras_cv_course._validation import check_positive
from keras_cv_course.names import LOGITS, PREDICTIONS
from keras_cv_course.training.feature_depths import STAGES, depth_features


def fit_linear_probe(
    model: keras.Model,
    train: Any,
    classes: int,
    stages: int = STAGES,
    top: bool = True,
    strength: float = 0.01,
    flip: bool = False,
) -> keras.Model:
    """Returns a model that ends in a linear classifier on features of several depths, fitted.

    The network runs once over the images. Features are brought to mean 0 and deviation 1, and
    fitted by scikit-learn's LogisticRegression; both become one dense layer, so that the result is
    a plain functional model, ready for `tflite.convert`.

    Args:
        model: A trained classifier of this package, whose layers are shared.
        train: Batches of (images, class numbers), each image once.
        classes: Number of classes; each must occur.
        stages: See `depth_features`.
        top: See `depth_features`.
        strength: Inverse of the L2 penalty, `C` of LogisticRegression. Choose it by folds.
        flip: Whether the mirrored images are learned from as well.

    Returns:
        A model from images to probabilities `(batch, classes)`.

    Raises:
        ValueError: If a class is missing, or an argument does not fit.

    Example:
        >>> probe = fit_linear_probe(MobileNetV2(weights="imagenet"), data.train, 17, flip=True)
    """
    check_positive("strength", strength)
    network = depth_features(model, stages, top)
    inputs, targets = _run(network, train, flip)
    missing = sorted(set(range(classes)) - set(targets.tolist()))
    if missing or targets.max() >= classes:
        raise ValueError(
            f"`train` must hold images of each of the {classes} classes, and of no other. "
            f"Missing: {missing}. Largest class number: {targets.max()}."
        )
    scaler = StandardScaler().fit(inputs)
    fitted = LogisticRegression(C=strength, max_iter=1000).fit(scaler.transform(inputs), targets)
    kernel, bias = _both_sides(fitted, classes)
    kernel = kernel / scaler.scale_[:, None]
    head = keras.layers.Dense(classes, name=LOGITS)
    logits = head(network.output)
    head.set_weights([kernel.astype(np.float32), (bias - scaler.mean_ @ kernel).astype(np.float32)])
    outputs = keras.layers.Activation("softmax", name=PREDICTIONS)(logits)
    return keras.Model(network.input, outputs, name=model.name)


def _run(network: keras.Model, train: Any, flip: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features `(n, features)` and class numbers `(n,)` of all images."""
    inputs, targets = [], []
    for images, labels in train:
        views = [images, keras.ops.flip(images, axis=2)] if flip else [images]
        for view in views:
            inputs.append(np.asarray(network.predict_on_batch(view)))
            targets.append(np.asarray(labels))
    return np.concatenate(inputs), np.concatenate(targets)


def _both_sides(fitted: LogisticRegression, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel `(features, classes)` and bias, for two classes as well."""
    kernel, bias = fitted.coef_.T, fitted.intercept_
    if classes == 2:  # scikit-learn keeps the second class only.
        return np.hstack([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    return kernel, bias
