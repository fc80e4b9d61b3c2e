"""Everything that makes a training run, as `args.yaml` holds it; no network is imported here."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from keras_cv_course._validation import (
    MOST_BATCH,
    MOST_SIZE_PX,
    check_at_most,
    check_choice,
    check_positive,
    check_rate,
    check_whole,
)
from keras_cv_course.registry import MODELS, list_models
from keras_cv_course.tasks.splits import absolute
from keras_cv_course.training.recipe import Recipe

STRATEGIES = ("mirrored",)
PRECISIONS = ("bf16", "fp16")
_RECIPE = Recipe()


def option(default: Any, text: str) -> Any:
    """Returns the field of a dataclass that becomes an option of a command.

    Args:
        default: Value of the field.
        text: Help of the option.
    """
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class RunArgs:
    """Arguments of a training run; each task has a subclass with its defaults and its own fields.

    Attributes:
        data: A folder, or a name in `BUILT_IN`.
        model: Name of the network.
        imgsz: Height and width in pixels; None is that of the paper.
        alpha: Width of the network; None is the family's own.
        weights: "imagenet", a file of weights, or None for fresh ones.
        batch: Images in a batch.
        freeze: How many groups of layers stay as they are, from the stem on.
        qat: Whether int8 rounding is trained afterwards.
        qat_epochs: Passes with int8 rounding.
        strategy: "mirrored" for all GPUs of the machine, None for one device.
        mixed_precision: "bf16" or "fp16"; None computes in float32.
        deterministic: Whether every run gives the same bits.
        tensorboard: Whether there are logs for TensorBoard as well.
        recipe: How to train.
    """

    # Data that the package has itself.
    BUILT_IN: ClassVar[tuple[str, ...]] = ()
    # Networks that the task trains, where it has a list of them.
    NETWORKS: ClassVar[tuple[str, ...]] = ()
    # Fields of these arguments and of `Recipe` that have no meaning for the task.
    WITHOUT: ClassVar[frozenset[str]] = frozenset()

    data: str = option("", "Folder of the data.")
    model: str = option("", "Name of the network, see `models`.")
    imgsz: int | None = option(None, "Height and width of the input in pixels.")
    alpha: float | None = option(None, "Width multiplier, for families that have one.")
    weights: str | None = option(None, '"imagenet", or a file of weights; random by default.')
    batch: int = option(32, "Images in a batch.")
    freeze: int = option(0, "Groups of layers to freeze: the stem, then blocks.")
    qat: bool = option(False, "Then fine-tune with int8 rounding, for a better int8 export.")
    qat_epochs: int = option(4, "Passes over the images with int8 rounding.")
    strategy: str | None = option(None, '"mirrored": all GPUs of this machine.')
    mixed_precision: str | None = option(None, '"bf16" or "fp16"; float32 by default.')
    deterministic: bool = option(
        False, "Bit-identical results in every run, at some cost of speed."
    )
    tensorboard: bool = option(False, "Write TensorBoard logs to `tensorboard` in the run folder.")
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("batch", "qat_epochs"):
            check_whole(name, getattr(self, name))
        for name in ("imgsz", "alpha"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        for name, most in (("imgsz", MOST_SIZE_PX), ("batch", MOST_BATCH)):
            if getattr(self, name) is not None:
                check_at_most(name, getattr(self, name), most)
        check_choice("strategy", self.strategy, (None, *STRATEGIES))
        check_choice("mixed_precision", self.mixed_precision, (None, *PRECISIONS))
        if self.freeze < 0:
            raise ValueError(f"`freeze` must be at least 0. Received: {self.freeze}.")
        if self.qat and self.mixed_precision is not None:
            raise ValueError(
                "`qat` fine-tunes with the rounding of int8 in float32. Received: "
                f"mixed_precision={self.mixed_precision!r} with it. Leave out one of --qat and "
                "--mixed-precision."
            )
        self._check_meaning()

    def _check_types(self) -> None:
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            value, kinds = getattr(self, item.name), _kinds(hints[item.name])
            if isinstance(value, int) and float in kinds and not isinstance(value, bool):
                object.__setattr__(self, item.name, float(value))
            elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise TypeError(f"`{item.name}` must be of type {item.type}. Received: {value!r}.")

    def _check_meaning(self) -> None:
        """Refuses what is set and has no meaning for the task."""
        for owner, plain in ((self, type(self)), (self.recipe, Recipe)):
            defaults = {item.name: item.default for item in dataclasses.fields(plain)}
            for name in sorted(self.WITHOUT & set(defaults)):
                value = getattr(owner, name)
                if value != defaults[name]:
                    raise ValueError(
                        f"`{name}` has no meaning for this task. Received: {value!r}. Leave it out."
                    )

    @property
    def source(self) -> str:
        """`data` as a path from the root, so that the run continues from any working directory."""
        return absolute(self.data, self.BUILT_IN)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        side = self.imgsz or MODELS[self.model].size_px
        return (side, side, 3)

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value that the network takes."""
        return MODELS[self.model].input_range

    @classmethod
    def default_recipe(cls, data: str, weights: str | None = None) -> Recipe:
        """Returns the recipe of a run that asks for no other.

        Args:
            data: As the field.
            weights: As the field.
        """
        return cls.recipe

    def check_source(self) -> None:
        """Raises FileNotFoundError if `data` is neither a folder nor built in."""
        if self.data not in self.BUILT_IN and not Path(self.source).is_dir():
            built_in = f" Built in: {', '.join(self.BUILT_IN)}." if self.BUILT_IN else ""
            raise FileNotFoundError(f"There is no folder {self.data}.{built_in}")

    def to_yaml(self) -> dict[str, Any]:
        """Returns the arguments as what YAML can hold."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {**fields, "recipe": self.recipe.to_dict()}

    @classmethod
    def from_yaml(cls, loaded: Mapping[str, Any]) -> "RunArgs":
        """Returns the arguments in a run's `args.yaml`, which holds facts about the run besides.

        What is missing, because the run is older than the argument, has its default.

        Raises:
            ValueError: If a value is out of its range.
            TypeError: If a value is of another type.
        """
        loaded = cls.migrated(loaded)
        names = {item.name for item in dataclasses.fields(cls)} - {"recipe"}
        values = {name: loaded[name] for name in names if name in loaded}
        recipe = loaded.get("recipe")
        if not isinstance(recipe, Mapping):
            raise TypeError(f"args.yaml must hold a recipe by name. Received: {recipe!r}.")
        return cls(**values, recipe=Recipe.from_dict(recipe))

    @classmethod
    def migrated(cls, loaded: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the content of an older `args.yaml` as it would be written today."""
        return loaded


@dataclass(frozen=True)
class BackboneArgs(RunArgs):
    """Arguments of a run whose network is heads on a backbone, which decides size and range.

    Attributes:
        backbone: Network under the heads.
        dropout_rate: Share of the features in front of the heads that training sets to zero.
    """

    backbone: str = option("mobilenet_v2", "Network under the heads, see `models`.")
    dropout_rate: float = option(0.0, "Dropout rate before the heads.")

    def __post_init__(self) -> None:
        check_choice("model", self.model, self.NETWORKS)
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


def check_held_out(name: str, share: float) -> None:
    """Raises ValueError unless a share of the data can be held out."""
    if not 0 < share < 1:
        raise ValueError(f"`{name}` must be above 0 and below 1. Received: {share}.")


def _kinds(hint: Any) -> tuple[type, ...]:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(typing.get_origin(part) or part for part in parts)
