"""Arguments of the task of naming what an image shows."""

import dataclasses
from dataclasses import dataclass

from keras_cv_course._validation import check_choice
from keras_cv_course.registry import list_models
from keras_cv_course.tasks.args import RunArgs, check_held_out, option
from keras_cv_course.training.recipe import Recipe

DIGITS = "digits"
_DIGITS_SIZE_PX = 48
# Nothing is mirrored, because digits and letters would not survive it.
_RECIPE = Recipe(shift=0.1, turn=0.025)
_TENTH = 0.1


@dataclass(frozen=True)
class Args(RunArgs):
    """Arguments of a classifier's training run.

    Attributes:
        val_split: Share held out if there is no `val` folder.
        head_first: Whether a new classifier on stored weights is fitted before all layers learn,
            where images are few.
    """

    BUILT_IN = (DIGITS,)
    # Networks of a run have one size.
    WITHOUT = frozenset({"batch_sizes_px", "mosaic"})

    data: str = option(DIGITS, 'Folder of class folders or of shards, or "digits".')
    model: str = option("mobilenet_v2", "Name of the network, see `models`.")
    imgsz: int | None = option(
        None, "Height and width; by default as in the paper, or 48 for digits."
    )
    val_split: float = option(0.2, "Share held out if there is no `val` folder.")
    head_first: bool = option(
        True, "On stored weights and few images, fit the new classifier before all layers learn."
    )
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        check_choice("model", self.model, list_models("classifier"))
        super().__post_init__()
        check_held_out("val_split", self.val_split)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        if self.imgsz is None and self.data == DIGITS:
            return (_DIGITS_SIZE_PX, _DIGITS_SIZE_PX, 3)
        return super().input_shape

    @classmethod
    def default_recipe(cls, data: str, weights: str | None = None) -> Recipe:
        """Returns the recipe of a run that asks for no other.

        Photographs are mirrored as well, and stored weights are fine-tuned at a tenth of the rate.
        """
        recipe = cls.recipe if data == DIGITS else dataclasses.replace(cls.recipe, flip=True)
        if weights is None:
            return recipe
        return dataclasses.replace(recipe, learning_rate=_TENTH * recipe.learning_rate)


@dataclass(frozen=True)
class Predict:
    """Options of predictions."""

    top: int = option(1, "Classes to report for each image.")

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"`top` must be at least 1. Received: {self.top}.")


@dataclass(frozen=True)
class Export:
    """A classifier has no options of its own on its way to a file."""
