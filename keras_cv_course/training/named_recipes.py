"""Recipes by name, each with the network and pictures that it was measured on, and the figure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keras_cv_course._validation import check_choice
from keras_cv_course.training.recipe import Recipe


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe, and what it was measured with.

    Attributes:
        recipe: How to train.
        model: Name of the network, as `build_model` takes it.
        data: The pictures, their split and size.
        reached: Accuracy with each of some seeds, in percent.
        options: Further arguments of `build_model`.
        batch: Pictures in a batch.
    """

    recipe: Recipe
    model: str
    data: str
    reached: str
    options: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 32


_DIGITS = "digits(): 1,257 pictures to train, 360 to test, 32 px"
_TINY = Recipe(epochs=15, learning_rate=0.003, shift=0.1, turn=0.025)
_SMALL = {"input_shape": (32, 32, 3), "classes": 10, "batch_norm_momentum": 0.9}


def _digits(model: str, reached: str, recipe: Recipe = _TINY, **options: Any) -> NamedRecipe:
    return NamedRecipe(recipe, model, _DIGITS, reached, {**_SMALL, **options}, batch=64)


NAMED: dict[str, NamedRecipe] = {
    "mobilenet_digits": _digits("mobilenet", "", alpha=0.25),
    "mobilenet_v2_digits": _digits("mobilenet_v2", "", alpha=0.35),
    "mobilenet_v3_digits": _digits("mobilenet_v3_small", "", alpha=0.5),
    "efficientnet_digits": _digits("efficientnet_b0", "", replace(_TINY, epochs=10)),
    "efficientnet_lite_digits": _digits("efficientnet_lite0", "", replace(_TINY, epochs=10)),
}


def named_recipe(name: str) -> Recipe:
    """Returns a recipe of `NAMED`.

    Args:
        name: E.g. "mobilenet_v2_digits".

    Raises:
        ValueError: If there is none of that name; the nearest are suggested.

    Example:
        >>> recipe = dataclasses.replace(named_recipe("mobilenet_v2_digits"), seed=1)
    """
    check_choice("name", name, NAMED)
    return NAMED[name].recipe
