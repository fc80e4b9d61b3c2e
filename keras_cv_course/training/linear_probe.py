"""Linear classifiers on what a network sees, for few images."""

from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from keras_cv_course._validation import check_positive
from keras_cv_course.names import LOGITS, PREDICTIONS
from keras_cv_course.training.feature_depths import STAGES, depth_features
from keras_cv_course.training.layer_groups import classifier_of


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
    network = depth_features(model, stages, top)
    fitted = _fitted(network, train, classes, strength, flip)
    head = keras.layers.Dense(classes, name=LOGITS)
    logits = head(network.output)
    head.set_weights(fitted)
    outputs = keras.layers.Activation("softmax", name=PREDICTIONS)(logits)
    return keras.Model(network.input, outputs, name=model.name)


def fit_head(
    model: keras.Model, train: Any, strength: float = 0.01, flip: bool = False
) -> keras.Model:
    """Returns the same classifier, whose last layer with weights is fitted on what it sees.

    The rest of the network stays as it is and runs once over the images, so that fine-tuning of all
    layers starts from a classifier that fits, as `fit_linear_probe` makes it.

    Args:
        model: A classifier of this package or of keras.applications; changed in place.
        train: Batches of (images, class numbers), each image once.
        strength: Inverse of the L2 penalty, `C` of LogisticRegression.
        flip: Whether the mirrored images are learned from as well.

    Raises:
        ValueError: If a class is missing, or the model is not a classifier.

    Example:
        >>> model = fit_head(MobileNetV2(weights="imagenet", classes=17), data.train, flip=True)
    """
    head, _ = classifier_of(model)
    network = depth_features(model, stages=0)
    kernel, bias = _fitted(network, train, model.output_shape[-1], strength, flip)
    head.set_weights([kernel.reshape(head.kernel.shape), bias])
    return model


def _fitted(
    network: keras.Model, train: Any, classes: int, strength: float, flip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel `(features, classes)` and bias of a logistic regression on features."""
    check_positive("strength", strength)
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
    return kernel.astype(np.float32), (bias - scaler.mean_ @ kernel).astype(np.float32)


def _run(network: keras.Model, train: Any, flip: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features `(n, features)` and class numbers `(n,)` of all images."""
    inputs, targets = [], []
    for images, labels in train:
        views = [images, keras.ops.flip(images, axis=2)] if flip else [images]
        for view in views:
            # Not `predict_on_batch`, which gives each device the whole batch under a strategy.
            inputs.append(np.asarray(network(view, training=False)))
            targets.append(np.asarray(labels))
    return np.concatenate(inputs), np.concatenate(targets)


def _both_sides(fitted: LogisticRegression, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel `(features, classes)` and bias, for two classes as well."""
    kernel, bias = fitted.coef_.T, fitted.intercept_
    if classes == 2:  # scikit-learn keeps the second class only.
        return np.hstack([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    return kernel, bias
