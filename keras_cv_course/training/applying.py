"""Compiles a model and prepares its images as a recipe says."""

from typing import Any

import keras

from keras_cv_course.data.epochs import Epochs
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.training.layer_groups import every_layer
from keras_cv_course.training.optimizer import layer_rates, make_optimizer
from keras_cv_course.training.precision import with_loss_scale
from keras_cv_course.training.preparation import as_shares, prepared
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.schedules import learning_rates
from keras_cv_course.training.smoothing import smoothed_cross_entropy
from keras_cv_course.training.strategy import synchronize_batch_norm


def prepared_for(
    model: keras.Model,
    recipe: Recipe,
    train: Any,
    val: Any = None,
    input_range: tuple[float, float] | None = None,
) -> tuple[Epochs, Any]:
    """Returns the training and validation images as a recipe and a classifier want them.

    Args:
        model: Gives probabilities or logits `(batch, classes)`.
        recipe: How to train.
        train: As `prepared` takes it.
        val: `tf.data.Dataset` of batches of (images, class numbers), or None.
        input_range: Smallest and largest pixel value; None where the model records it.

    Raises:
        ValueError: If colours are to be changed, and the range is not known.
    """
    classes = model.output_shape[-1]
    images = prepared(train, recipe, classes, input_range or _range_of(model, recipe))
    if val is not None and recipe.soft_labels:
        val = as_shares(val, classes)
    return images, val


def compile_classifier(model: keras.Model, recipe: Recipe, steps_per_epoch: int) -> None:
    """Compiles a classifier with a recipe's optimizer, rates, loss and penalties.

    Args:
        model: Gives probabilities or logits `(batch, classes)`; changed in place.
        recipe: How to train.
        steps_per_epoch: Batches in an epoch.

    Raises:
        ValueError: If the recipe does not fit the model.

    Example:
        >>> compile_classifier(model, Recipe(label_smoothing=0.1), steps_per_epoch=100)
        >>> model.loss.label_smoothing  # for 10 classes
        0.11111111111111112
    """
    if recipe.batch_sizes_px and None not in model.input_shape[1:3]:
        raise ValueError(
            "`batch_sizes_px` is for a model that takes images of any size. Received one for "
            f"{model.input_shape[1:]}: build it with `input_shape=(None, None, 3)`."
        )
    from_logits = not _ends_in_probabilities(model)
    loss: keras.losses.Loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    if recipe.soft_labels:
        classes = model.output_shape[-1]
        loss = smoothed_cross_entropy(recipe.label_smoothing, classes, from_logits)
    optimizer = recipe_optimizer(model, recipe, steps_per_epoch)
    model.compile(optimizer, loss, metrics=["accuracy"])


def recipe_optimizer(
    model: keras.Model, recipe: Recipe, steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """Returns a recipe's optimizer for a model, which gets the recipe's penalties and batch norm.

    Args:
        model: Any network; changed in place.
        recipe: How to train.
        steps_per_epoch: Batches in an epoch.

    Raises:
        ValueError: If the recipe does not fit the model.

    Example:
        >>> model.compile(recipe_optimizer(model, Recipe(), 100), "mse")
    """
    penalize_kernels(model, recipe.l1, recipe.l2)
    if recipe.sync_batch_norm:
        synchronize_batch_norm(model)
    rates = learning_rates(
        recipe.schedule,
        recipe.learning_rate,
        recipe.epochs,
        steps_per_epoch,
        recipe.warmup_epochs,
        recipe.decay_epochs,
        recipe.decay_factor,
    )
    multipliers = layer_rates(model, recipe.layer_decay) if recipe.layer_decay < 1 else {}
    return with_loss_scale(make_optimizer(recipe, rates, multipliers), model)


def recipe_callbacks(recipe: Recipe) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that a recipe needs; give them to `model.fit` before those that save.

    With `ema`, the model holds the averaged weights while it is evaluated and at the end of each
    epoch, and training continues with its own.
    """
    return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if recipe.ema else []


def penalize_kernels(model: keras.Model, l1: float, l2: float) -> None:
    """Adds `l1 * sum(|w|) + l2 * sum(w ** 2)` over all kernels to a model's loss; 0 removes it.

    Kernels are those of convolutions and dense layers; biases and normalizations are left alone.

    Example:
        >>> penalize_kernels(model, l1=0.0, l2=4e-5)  # weight decay as MobileNet's paper writes it
    """
    regularizer = keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
    for layer in every_layer(model):
        for name in ("kernel_regularizer", "depthwise_regularizer", "pointwise_regularizer"):
            if hasattr(layer, name):
                setattr(layer, name, regularizer)  # What a saved model is built with.
        for variable in layer.weights:
            if variable.name.endswith("kernel"):
                variable.regularizer = regularizer


def _range_of(model: keras.Model, recipe: Recipe) -> tuple[float, float]:
    input_range = spec_of(model).input_range
    if input_range is not None:
        return input_range
    if recipe.rand_augment or recipe.erase:
        raise ValueError(
            "`input_range` must be given to change colours for this model. Received: None. For "
            "example (-1.0, 1.0)."
        )
    return (-1.0, 1.0)


def _ends_in_probabilities(model: keras.Model) -> bool:
    """Whether a softmax follows the last layer with a kernel, or is its activation."""
    for layer in reversed(model.layers):
        activation = getattr(layer, "activation", None)
        if isinstance(layer, keras.layers.Softmax) or activation is keras.activations.softmax:
            return True
        if hasattr(layer, "kernel"):
            return False
        if isinstance(layer, keras.Model):
            return _ends_in_probabilities(layer)
    return False
