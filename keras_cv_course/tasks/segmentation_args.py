"""Arguments of the task of naming the class of each pixel."""

import dataclasses
from dataclasses import dataclass

from keras_cv_course._validation import check_at_most, check_choice, check_positive
from keras_cv_course.registry import MODELS, list_models
from keras_cv_course.tasks.args import RunArgs, option
from keras_cv_course.tasks.detection_args import SHAPES
from keras_cv_course.training.recipe import Recipe

OWN = "none"
# Backbone of each network where none is chosen.
BACKBONES = {
    "unet": "mobilenet_v2",
    "lraspp": "mobilenet_v3_large",
    "fcn8s": "mobilenet_v2",
    "fcn16s": "mobilenet_v2",
    "fcn32s": "mobilenet_v2",
    "segnet": OWN,
}
LOSSES = {
    "cross_entropy": {"cross_entropy": 1.0},
    "focal": {"focal": 1.0},
    "dice": {"dice": 1.0},
    "cross_entropy_dice": {"cross_entropy": 1.0, "dice": 1.0},
}
_RECIPE = Recipe(epochs=30, learning_rate=0.001, flip=True, zoom=0.4, colour=True)
_BYTE = 255
_MOST_FILTERS = 16_384  # at the bottom of a U-Net, where each level has doubled them
_OF_UNET = ("filters", "levels")


@dataclass(frozen=True)
class Args(RunArgs):
    """Arguments of a segmenter's training run.

    Attributes:
        backbone: Network under the decoder; "none" for the network's own encoder, None for that of
            `BACKBONES`.
        width: Width of the input where it is not as high as wide.
        filters: Channels of the first size of a U-Net of its own.
        levels: How often a U-Net of its own halves the size.
        loss: One of `LOSSES`.
        ignore: Value in mask files of pixels that have no class; -1 if all have one.
    """

    BUILT_IN = (SHAPES,)
    NETWORKS = tuple(BACKBONES)
    WITHOUT = frozenset(
        {"label_smoothing", "shift", "turn"}
        | {"rand_augment", "rand_augment_strength", "erase", "mixup", "cutmix", "batch_sizes_px"}
    )

    data: str = option(
        SHAPES,
        'Folder with images and masks, in the layout of VOC or of COCO, or "shapes".',
    )
    model: str = option("unet", f"One of {', '.join(BACKBONES)}.")
    backbone: str | None = option(None, f'Network under the decoder, see `models`, or "{OWN}".')
    imgsz: int | None = option(224, "Height and width of the input in pixels.")
    width: int | None = option(None, "Width of the input, where it is not its height.")
    batch: int = option(16, "Images in a batch.")
    filters: int = option(16, "Of a U-Net without backbone: channels of its first size.")
    levels: int = option(4, "Of a U-Net without backbone: how often it halves the size.")
    loss: str = option("cross_entropy", f"One of {', '.join(LOSSES)}.")
    ignore: int = option(_BYTE, "Value in mask files of pixels that have no class; -1: all have.")
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        check_choice("model", self.model, tuple(BACKBONES))
        check_choice("loss", self.loss, tuple(LOSSES))
        backbones = (OWN,) if self.model == "segnet" else (OWN, *list_models("classifier"))
        if self.model == "lraspp":
            backbones = backbones[1:]
        check_choice("backbone", self.backbone, (None, *backbones))
        super().__post_init__()
        check_at_most("levels", self.levels, 6)
        check_at_most("filters", self.filters, _MOST_FILTERS // 2**self.levels)
        if self.width is not None:
            check_positive("width", self.width)
        own = self.encoder is None
        self._refuse_unless(own and self.model == "unet", "a U-Net without backbone", *_OF_UNET)
        self._refuse_unless(not own or self.model == "segnet", "a backbone or of SegNet", "alpha")
        self._refuse_unless(not own, "a backbone", "weights")
        if not -1 <= self.ignore <= _BYTE:
            raise ValueError(f"`ignore` must be from -1 to {_BYTE}. Received: {self.ignore}.")

    def _refuse_unless(self, fits: bool, owner: str, *names: str) -> None:
        """Refuses what is set and has no meaning for the network."""
        for name in names:
            value = getattr(self, name)
            if not fits and value != getattr(type(self), name):
                raise ValueError(
                    f"`{name}` is of {owner}. Received: {value!r} with model={self.model!r} and "
                    f"the backbone {self.encoder or OWN!r}. Leave it out."
                )

    @property
    def encoder(self) -> str | None:
        """Name of the backbone; None for the network's own encoder."""
        name = self.backbone or BACKBONES[self.model]
        return None if name == OWN else name

    @property
    def ignore_value(self) -> int | None:
        """Value in mask files of pixels that have no class; None if all have one."""
        return None if self.ignore < 0 else self.ignore

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        side = self.imgsz or MODELS[self.encoder or self.model].size_px
        return (side, self.width or side, 3)

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value that the network takes: that of its backbone."""
        return MODELS[self.encoder or self.model].input_range

    @classmethod
    def default_recipe(cls, data: str, weights: str | None = None) -> Recipe:
        """Returns the recipe of a run that asks for no other: drawn shapes are mirrored only."""
        plain = dataclasses.replace(cls.recipe, zoom=0.0, colour=False)
        return plain if data == SHAPES else cls.recipe


@dataclass(frozen=True)
class Predict:
    """A segmenter has no options of its own."""


@dataclass(frozen=True)
class Export:
    """Options of the way to a file."""

    argmax: bool = option(False, "Return class numbers and not scores; MediaPipe takes scores.")
