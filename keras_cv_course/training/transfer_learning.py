"""Takes a trained network to a new task: a new classifier, and which layers learn with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.names import LOGITS, PREDICTIONS
from keras_cv_course.training.feature_depths import depth_features
from keras_cv_course.training.fitting import fit
from keras_cv_course.training.layer_groups import classifier_of, every_layer, layer_groups
from keras_cv_course.training.recipe import Recipe


@dataclass(frozen=True)
class TransferPolicy:
    """What of a trained network learns the new task, and how fast.

    Attributes:
        learning_groups: How many groups of layers learn beside the classifier, counted from it:
            0 for the classifier alone, None for all. `layer_groups` lists the groups.
        depth_features: Whether the classifier is a linear one on features of several depths, see
            `depth_features`, and nothing else learns. `fit_linear_probe` fits it at once.
        rate_scale: What the learning rate of the first training is multiplied by.
        layer_decay: As in `Recipe`.
        train_batch_norm: Whether batch normalization of learning groups learns. Otherwise it is in
            inference mode, with the statistics and factors that it came with.
        zero_head: Whether the classifier starts at zero, so that its first gradients, and not
            random ones, reach the layers below.

    Raises:
        ValueError: If a value is out of its range, or two exclude each other.
    """

    learning_groups: int | None = 0
    depth_features: bool = False
    rate_scale: float = 1.0
    layer_decay: float = 1.0
    train_batch_norm: bool = False
    zero_head: bool = False

    def __post_init__(self) -> None:
        if self.learning_groups is not None and self.learning_groups < 0:
            raise ValueError(
                "`learning_groups` must be at least 0, or None for all. "
                f"Received: {self.learning_groups!r}."
            )
        if self.depth_features and self.learning_groups != 0:
            raise ValueError(
                "`depth_features` trains a linear classifier alone: leave `learning_groups` at 0. "
                f"Received: {self.learning_groups!r}."
            )
        check_positive("rate_scale", self.rate_scale)
        check_positive("layer_decay", self.layer_decay)


def transfer(
    model: keras.Model, classes: int, policy: TransferPolicy = TransferPolicy()
) -> keras.Model:
    """Returns a copy of a classifier with a fresh one for other classes, and what is to learn set.

    Args:
        model: A functional classifier, of this package or of keras.applications, whose last layer
            with weights is a dense one or a convolution of 1x1. It is not changed.
        classes: Number of the new classes.
        policy: Which layers learn. Other groups than the classifier are known only in networks
            of this package only.

    Raises:
        ValueError: If `model` does not end so, or its layers are not named in groups.

    Example:
        >>> model = transfer(MobileNetV2(weights="imagenet"), 17, TransferPolicy(learning_groups=4))
        >>> fit(model, Recipe(learning_rate=3e-4), data.epochs, data.val)
    """
    check_whole("classes", classes)
    head, rest = classifier_of(model)
    changed: dict[str, dict[str, Any]] = {
        head.name: {"units" if isinstance(head, keras.layers.Dense) else "filters": classes}
    }
    if policy.zero_head:
        changed[head.name]["kernel_initializer"] = "zeros"
    for layer in rest:
        if isinstance(layer, keras.layers.Reshape):
            changed[layer.name] = {"target_shape": (classes,)}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config() | changed.get(layer.name, {})
        return layer.__class__.from_config(config)

    new = keras.models.clone_model(model, clone_function=copy)
    for layer in new.layers:
        if layer.weights and layer.name != head.name:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return freeze(_on_depths(new, classes, head) if policy.depth_features else new, policy)


def _on_depths(model: keras.Model, classes: int, head: keras.layers.Layer) -> keras.Model:
    """Returns the network with a fresh linear classifier on features of several depths."""
    features = depth_features(model)
    logits = keras.layers.Dense(classes, name=head.name)(features.output)
    outputs = keras.layers.Activation("softmax", name=PREDICTIONS)(logits)
    return keras.Model(features.input, outputs, name=model.name)


def freeze(model: keras.Model, policy: TransferPolicy) -> keras.Model:
    """Returns the same model, with those layers trainable that a policy lets learn.

    Compile the model after it: Keras looks at `trainable` only then.

    Args:
        model: A network of this package or, with a policy of the classifier or all, any functional
            classifier; changed in place.
        policy: Which layers learn.

    Example:
        >>> freeze(model, TransferPolicy(learning_groups=None))
    """
    count = policy.learning_groups
    if count is None:
        learning = {id(layer) for layer in every_layer(model)}
    elif count == 0:
        learning = {id(classifier_of(model)[0])}
    else:
        groups = layer_groups(model)
        names = [name for name in groups if name != LOGITS]
        if count > len(names):
            raise ValueError(
                f"`learning_groups` must be at most {len(names)} for {model.name!r}, or None for "
                f"all. Received: {count}."
            )
        chosen = [LOGITS, *names[len(names) - count :]]
        learning = {id(layer) for name in chosen for layer in groups.get(name, [])}
    for layer in every_layer(model):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = id(layer) in learning and (policy.train_batch_norm or not norm)
    return model


def freeze_first(model: keras.Model, count: int) -> keras.Model:
    """Returns the same model, whose first groups of layers stay as they are; the others learn.

    Args:
        model: A network of this package; changed in place. Compile it afterwards.
        count: How many groups, see `layer_groups`: 1 is the stem, 2 the first block as well.

    Raises:
        ValueError: If `count` leaves nothing that learns.

    Example:
        >>> freeze_first(MobileNetV2(weights="imagenet", classes=17), 10)
    """
    groups = list(layer_groups(model).values())
    if not 0 <= count < len(groups):
        raise ValueError(
            f"`count` must be from 0 to {len(groups) - 1} for {model.name!r}, so that a group is "
            f"left that learns. Received: {count!r}."
        )
    for i, layers in enumerate(groups):
        for layer in layers:
            layer.trainable = i >= count
    return model


def fit_in_stages(
    model: keras.Model,
    recipe: Recipe,
    stages: Sequence[tuple[TransferPolicy, int]],
    train: Any,
    val: Any = None,
    **options: Any,
) -> list[keras.callbacks.History]:
    """Returns the Histories of training a model in stages, of which each lets other layers learn.

    The first stage usually trains the classifier alone, so that its random weights do not spoil
    those of the network; the next ones more and more of the network, at a tenth of the rate.

    Args:
        model: What `transfer` returned; changed in place.
        recipe: How each stage is trained; its rate is multiplied by that of the stage's policy.
        stages: Policies with their epochs.
        train: As in `fit`.
        val: As in `fit`.
        **options: As in `fit`.

    Raises:
        ValueError: If there is no stage.

    Example:
        >>> stages = [(TransferPolicy(), 5), (TransferPolicy(4, rate_scale=0.1), 10)]
        >>> fit_in_stages(model, Recipe(learning_rate=1e-3), stages, data.epochs, data.val)
    """
    if not stages:
        raise ValueError("`stages` must name at least one policy with its epochs.")
    histories = []
    for policy, epochs in stages:
        freeze(model, policy)
        own = policy_recipe(recipe, policy, epochs)
        histories.append(fit(model, own, train, val, **options))
    return histories


def policy_recipe(recipe: Recipe, policy: TransferPolicy, epochs: int | None = None) -> Recipe:
    """Returns a recipe with the rates of a policy, and a warm-up not longer than half of it."""
    epochs = epochs or recipe.epochs
    return replace(
        recipe,
        epochs=epochs,
        learning_rate=recipe.learning_rate * policy.rate_scale,
        layer_decay=policy.layer_decay,
        warmup_epochs=min(recipe.warmup_epochs, epochs / 2),
    )
