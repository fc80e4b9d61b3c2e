"""Everything that makes a training run, as `args.yaml` keeps it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_cv_course._validation import check_choice, check_positive
from keras_cv_course.cli.detection_args import TRAINED, DetectionArgs
from keras_cv_course.registry import MODELS
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.run_folder import arguments_of

DIGITS = "digits"
STRATEGIES = ("mirrored",)
PRECISIONS = ("bf16", "fp16")
_DETECT = DetectionArgs()
_DIGITS_SIZE_PX = 48
# Nothing is mirrored, because digits and letters would not survive it.
DEFAULT_RECIPE = Recipe(shift=0.1, turn=0.025)
# What `--no-augment` takes out of a recipe.
_PLAIN: dict[str, Any] = {
    "flip": False,
    "shift": 0.0,
    "turn": 0.0,
    "zoom": 0.0,
    "rand_augment": 0,
    "erase": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
}


def _option(default: Any, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TrainArgs:
    """Arguments of a training run.

    Attributes:
        data: Folder of class folders or of shards, or "digits".
        model: Name of the network.
        imgsz: Height and width in pixels; None is that of the paper, and 48 for digits.
        alpha: Width of the network, where its family has one.
        weights: "imagenet", a file of weights, or None for fresh ones.
        batch: Pictures in a batch.
        val_split: Share held out where there is no `val` folder.
        freeze: How many groups of layers stay as they are, from the stem on.
        qat: Whether int8 rounding is trained afterwards.
        qat_epochs: Passes with int8 rounding.
        strategy: "mirrored" for all GPUs of the machine, None for one device.
        mixed_precision: "bf16" or "fp16"; None computes in float32.
        deterministic: Whether every run gives the same bits.
        tensorboard: Whether there are logs for TensorBoard as well.
        recipe: How to train.
    """

    data: str = DIGITS
    model: str = "mobilenet_v2"
    imgsz: int | None = None
    alpha: float | None = None
    weights: str | None = None
    batch: int = 32
    val_split: float = 0.2
    freeze: int = 0
    qat: bool = False
    qat_epochs: int = 4
    strategy: str | None = None
    mixed_precision: str | None = None
    deterministic: bool = False
    tensorboard: bool = False
    recipe: Recipe = DEFAULT_RECIPE

    def __post_init__(self) -> None:
        check_choice("model", self.model, MODELS)
        for name in ("batch", "qat_epochs"):
            check_positive(name, getattr(self, name))
        check_choice("strategy", self.strategy, (None, *STRATEGIES))
        check_choice("mixed_precision", self.mixed_precision, (None, *PRECISIONS))
        if self.qat and self.mixed_precision is not None:
            raise ValueError(
                "`qat` fine-tunes with the rounding of int8 in float32. Received: "
                f"mixed_precision={self.mixed_precision!r} with it. Leave out one of --qat and "
                "--mixed-precision."
            )
        if self.imgsz is not None:
            check_positive("imgsz", self.imgsz)
        if not 0 < self.val_split < 1:
            raise ValueError(
                f"`val_split` must be above 0 and below 1. Received: {self.val_split}."
            )
        if self.freeze < 0:
            raise ValueError(f"`freeze` must be at least 0. Received: {self.freeze}.")
        if self.recipe.batch_sizes_px:
            raise ValueError(
                "`batch_sizes_px` is for networks of any size, and those of a run have one. Leave "
                "it out of the recipe, or use `keras_cv_course.training.fit`."
            )

    def to_yaml(self) -> dict[str, Any]:
        """Returns the arguments as what YAML can hold."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**fields, "recipe": self.recipe.to_dict()}

    @classmethod
    def from_yaml(cls, loaded: Mapping[str, Any]) -> "TrainArgs":
        """Returns the arguments in a run's `args.yaml`, which holds facts about the run besides.

        Raises:
            ValueError: If one is missing.
        """
        values = arguments_of(cls, loaded)
        return cls(**{**values, "recipe": Recipe.from_dict(loaded["recipe"])})

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        default = _DIGITS_SIZE_PX if self.data == DIGITS else MODELS[self.model].size_px
        side = self.imgsz or default
        return (side, side, 3)

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value that the network takes."""
        return MODELS[self.model].input_range


@dataclass(frozen=True)
class TrainFlags:
    """Options of `train`, each with the help of its field; those left out are the recipe's."""

    data: str = _option(
        DIGITS,
        "Folder of class folders or of shards, of VOC, COCO or CSV for `--task detect`, or what "
        'the package has itself: "digits", "shapes".',
    )
    model: str = _option(
        "mobilenet_v2",
        f"Name of the network, see `models`; to detect {', '.join(TRAINED)} ({_DETECT.model}).",
    )
    imgsz: int | None = _option(
        None,
        f"Height and width (default: as in the paper, 48 for digits; {_DETECT.imgsz} to detect).",
    )
    alpha: float | None = _option(None, "Width of the network, where its family has one.")
    weights: str | None = _option(None, '"imagenet", or a file of weights (default: fresh ones).')
    freeze: int = _option(0, "Groups of layers that stay as they are: the stem, then blocks.")
    recipe: str | None = _option(None, "YAML file of a recipe, or the args.yaml of a run.")
    epochs: int | None = _option(
        None, f"Passes over the pictures (default: 20; {_DETECT.epochs} to detect)."
    )
    batch: int = _option(32, f"Pictures in a batch; {_DETECT.batch} to detect.")
    lr0: float | None = _option(
        None, f"Highest learning rate (default: 0.003; {_DETECT.lr0} to detect)."
    )
    cos_lr: bool | None = _option(None, "Lower the rate along half a cosine (default), or keep it.")
    warmup_epochs: float | None = _option(
        None, "Epochs over which the rate rises from 0 (default: 1)."
    )
    seed: int | None = _option(None, "Decides weights, split, order, distortions (default: 0).")
    val_split: float = _option(0.2, "Share held out where there is no `val` folder.")
    augment: bool | None = _option(
        None,
        "Distort and mix them (default: shift and turn a little; to detect crop, mirror, colour).",
    )
    qat: bool = _option(False, "Then fine-tune with int8 rounding, for a better int8 export.")
    qat_epochs: int = _option(4, "Passes over the pictures with int8 rounding.")
    strategy: str | None = _option(
        None, '"mirrored": all GPUs of this machine (default: one device).'
    )
    mixed_precision: str | None = _option(None, '"bf16" or "fp16" (default: all in float32).')
    deterministic: bool = _option(False, "The same bits in every run, at some cost of speed.")
    tensorboard: bool = _option(False, "Log for TensorBoard, to `tensorboard` in the run.")
    stride: int | None = _option(
        None,
        f"Of SSDLite: where the backbone ends, {_DETECT.stride} (default) or 16 for small objects.",
    )
    extra_maps: int | None = _option(
        None, f"Of SSDLite: further maps of half the size each (default: {_DETECT.extra_maps})."
    )
    smallest: float | None = _option(
        None,
        f"Of SSDLite: smallest anchors, as a part of the picture (default: {_DETECT.smallest}).",
    )
    largest: float | None = _option(
        None, f"Of SSDLite: anchors of the last map (default: {_DETECT.largest})."
    )

    def changed(self, recipe: Recipe) -> Recipe:
        """Returns a recipe with what was said in its place.

        Raises:
            ValueError: If a value is out of its range, or does not go with the recipe's.
        """
        said: dict[str, Any] = {
            "epochs": self.epochs,
            "learning_rate": self.lr0,
            "schedule": None if self.cos_lr is None else ("constant", "cosine")[self.cos_lr],
            "warmup_epochs": self.warmup_epochs,
            "seed": self.seed,
        }
        changes = {name: value for name, value in said.items() if value is not None}
        if self.augment is False:
            changes |= _PLAIN
        return dataclasses.replace(recipe, **changes)

    def arguments(self, recipe: Recipe = DEFAULT_RECIPE) -> TrainArgs:
        """Returns the arguments of a run by a recipe, changed as said.

        Args:
            recipe: That of the file that `recipe` names.

        Raises:
            ValueError: If a value is out of its range.
        """
        names = {field.name for field in dataclasses.fields(TrainArgs)} - {"recipe"}
        values = {name: getattr(self, name) for name in names}
        return TrainArgs(**values, recipe=self.changed(recipe))
