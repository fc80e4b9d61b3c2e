"""Recipes by name, each with the network and images that it was measured on, and the figure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_cv_course import backbones
from keras_cv_course._validation import check_choice
from keras_cv_course.ops.scaling import Scaling
from keras_cv_course.training.recipe import Recipe


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe, and what it was measured with.

    Attributes:
        recipe: How to train.
        builder: Name of the network's builder in `keras_cv_course.backbones`.
        data: The images, their split and size.
        reached: Accuracy with seeds 0, 1, …, in percent.
        input_range: Smallest and largest pixel value.
        options: Arguments of the builder.
        batch: Images in a batch.
    """

    recipe: Recipe
    builder: str
    data: str
    reached: tuple[float, ...]
    input_range: tuple[float, float]
    options: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 32

    def build(self) -> keras.Model:
        """Returns the network, with fresh weights."""
        model: keras.Model = getattr(backbones, self.builder)(**self.options)
        return model


_DIGITS = Recipe(epochs=20, learning_rate=0.002, warmup_epochs=0)
_SIGNED, _PIXELS = (-1.0, 1.0), (0.0, 255.0)


def _digits(
    builder: str,
    held_out: str,
    reached: tuple[float, ...],
    input_range: tuple[float, float],
    **options: Any,
) -> NamedRecipe:
    small = {"input_shape": (32, 32, 3), "classes": 10, "batch_norm_momentum": 0.9}
    data = f"scikit-learn's digits, enlarged to 32 px; 360 held out, {held_out}"
    return NamedRecipe(_DIGITS, builder, data, reached, input_range, small | options, batch=64)


# By benchmarks/transfer_accuracy.py, and by benchmarks/qat_accuracy.py.
_OURS, _QAT = "1,257 to train", "1,437 to train"
NAMED: dict[str, NamedRecipe] = {
    "mobilenet_digits": _digits("MobileNet", _OURS, (81.67, 84.44), _SIGNED, alpha=0.25),
    "mobilenet_v2_digits": _digits("MobileNetV2", _OURS, (91.67, 86.11), _SIGNED, alpha=0.35),
    "mobilenet_v3_digits": _digits(
        "MobileNetV3Small", _QAT, (97.78, 98.06, 96.39), _PIXELS, alpha=0.5
    ),
    "efficientnet_digits": _digits(
        "EfficientNet", _QAT, (89.17, 91.94, 90.28), _PIXELS, scaling=Scaling(1.0, 0.35, 1.0)
    ),
    "efficientnet_lite_digits": _digits("EfficientNetLite0", _OURS, (85.0,), _SIGNED),
}


def named_recipe(name: str) -> Recipe:
    """Returns a recipe of `NAMED`.

    Args:
        name: E.g. "mobilenet_v3_digits".

    Raises:
        ValueError: If there is none of that name; the nearest are suggested.

    Example:
        >>> recipe = dataclasses.replace(named_recipe("mobilenet_v3_digits"), seed=1)
    """
    check_choice("name", name, NAMED)
    return NAMED[name].recipe
