"""Arguments of the task of naming and finding the one object of an image."""

import dataclasses
from dataclasses import dataclass

from keras_cv_course.tasks.args import BackboneArgs, option
from keras_cv_course.tasks.detection_args import SHAPES
from keras_cv_course.training.recipe import Recipe

_NETWORK = "localizer"
_RECIPE = Recipe(epochs=30, learning_rate=0.002, flip=True, zoom=0.5, colour=True)


@dataclass(frozen=True)
class Args(BackboneArgs):
    """Arguments of a localizer's training run."""

    BUILT_IN = (SHAPES,)
    NETWORKS = (_NETWORK,)
    WITHOUT = frozenset(
        {"label_smoothing", "shift", "turn"}
        | {"rand_augment", "rand_augment_strength", "erase", "mixup", "cutmix", "mosaic"}
        | {"batch_sizes_px"}
    )

    data: str = option(
        SHAPES,
        'Folder in the layout of VOC, COCO or CSV, or "shapes"; of several boxes in an image the '
        "largest is taken.",
    )
    model: str = option(_NETWORK, "localizer.")
    imgsz: int | None = option(96, "Height and width of the input in pixels.")
    recipe: Recipe = _RECIPE

    @classmethod
    def default_recipe(cls, data: str, weights: str | None = None) -> Recipe:
        """Returns the recipe of a run that asks for no other: drawn shapes are mirrored only."""
        plain = dataclasses.replace(cls.recipe, zoom=0.0, colour=False)
        return plain if data == SHAPES else cls.recipe


@dataclass(frozen=True)
class Predict:
    """A localizer has no options of its own."""


@dataclass(frozen=True)
class Export:
    """A localizer has no options of its own on its way to a file."""
