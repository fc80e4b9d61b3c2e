"""Arguments of the task of naming and finding the one object of an image."""

import dataclasses
from dataclasses import dataclass

from keras_cv_course._validation import check_choice, check_rate
from keras_cv_course.registry import MODELS, list_models
from keras_cv_course.tasks.args import RunArgs, option
from keras_cv_course.tasks.detection_args import SHAPES
from keras_cv_course.training.recipe import Recipe

_NETWORK = "localizer"
_RECIPE = Recipe(epochs=30, learning_rate=0.002, flip=True, zoom=0.5, colour=True)


@dataclass(frozen=True)
class Args(RunArgs):
    """Arguments of a localizer's training run.

    Attributes:
        backbone: Network under the heads.
        dropout_rate: Share of the vector in front of the heads that training sets to zero.
    """

    BUILT_IN = (SHAPES,)
    WITHOUT = frozenset(
        {"strategy", "mixed_precision", "layer_decay", "label_smoothing", "shift", "turn"}
        | {"rand_augment", "rand_augment_strength", "erase", "mixup", "cutmix", "mosaic"}
        | {"batch_sizes_px"}
    )

    data: str = option(
        SHAPES,
        'Folder in the layout of VOC, COCO or CSV, or "shapes"; of several boxes in an image the '
        "largest is taken.",
    )
    model: str = option(_NETWORK, "localizer.")
    backbone: str = option("mobilenet_v2", "Network under the heads, see `models`.")
    imgsz: int | None = option(96, "Height and width of the input in pixels.")
    dropout_rate: float = option(0.0, "Share of the vector before the heads that is set to zero.")
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        check_choice("model", self.model, (_NETWORK,))
        check_choice("backbone", self.backbone, list_models("classifier"))
        super().__post_init__()
        check_rate("dropout_rate", self.dropout_rate)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        side = self.imgsz or MODELS[self.backbone].size_px
        return (side, side, 3)

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value that the network takes: that of its backbone."""
        return MODELS[self.backbone].input_range

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
