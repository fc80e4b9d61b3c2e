"""The optimizer of a recipe, and how fast each layer of a network learns."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_cv_course._validation import check_positive
from keras_cv_course.optimizers.layer_rates import LayerRateAdam, LayerRateAdamW, LayerRateSGD
from keras_cv_course.training.layer_groups import layer_groups
from keras_cv_course.training.recipe import Recipe

_NO_DECAY = ["bias", "gamma", "beta"]


def layer_rates(model: keras.Model, decay: float) -> dict[str, float]:
    """Returns what each layer's learning rate is multiplied by, `decay` a group from the last one.

    The last group, the classifier where there is one, has 1, the one before it `decay`, and so on
    to the stem.

    Args:
        model: A network of this package.
        decay: Above 0, at most 1.

    Raises:
        ValueError: If the layers of `model` are not named in groups.

    Example:
        >>> optimizer = LayerRateAdam(layer_rates(model, 0.8), learning_rate=1e-3)

    Reference:
        Universal Language Model Fine-tuning for Text Classification, arXiv:1801.06146, section
        3.2, which divides by 2.6 a layer.
    """
    check_positive("decay", decay)
    groups = layer_groups(model)
    return {
        layer.name: decay**distance
        for distance, layers in enumerate(reversed(groups.values()))
        for layer in layers
    }


_PLAIN: dict[str, Any] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}
_BY_LAYER: dict[str, Any] = {"adam": LayerRateAdam, "adamw": LayerRateAdamW, "sgd": LayerRateSGD}


def make_optimizer(
    recipe: Recipe, rates: Any, multipliers: Mapping[str, float] | None = None
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a recipe.

    Args:
        recipe: Says which, its momentum, weight decay and averaging.
        rates: A learning rate or a schedule.
        multipliers: Of each layer's rate, as `layer_rates` returns them; None or empty for one
            rate.

    Example:
        >>> make_optimizer(Recipe(optimizer="sgd"), 0.1).momentum
        0.9
    """
    options: dict[str, Any] = {"learning_rate": rates}
    if recipe.weight_decay or recipe.optimizer == "adamw":  # whose own default is not 0
        options["weight_decay"] = recipe.weight_decay
    if recipe.optimizer in ("sgd", "rmsprop"):
        options["momentum"] = recipe.momentum
    if recipe.ema:
        options |= {"use_ema": True, "ema_momentum": recipe.ema}
    if multipliers:
        optimizer = _BY_LAYER[recipe.optimizer](multipliers, **options)
    else:
        optimizer = _PLAIN[recipe.optimizer](**options)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=_NO_DECAY)
    return optimizer
