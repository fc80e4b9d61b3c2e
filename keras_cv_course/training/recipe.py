"""How a network is trained, as data: what is in a run's `args.yaml` and can be read back equal."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_cv_course._atomic import write_atomic
from keras_cv_course._reading import read_yaml, write_yaml
from keras_cv_course._validation import (
    MOST_EPOCHS,
    MOST_SEED,
    MOST_SIZE_PX,
    check_at_most,
    check_choice,
    check_positive,
    check_rate,
    shortened,
)

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
SCHEDULES = ("cosine", "step", "constant")
SIZE_STEP_PX = 32
_LARGEST_FLOAT = 3.4e38  # of float32, in which networks compute
_MOST_AUGMENTATIONS = 100  # one after the other, of each image


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training besides the model and the images.

    A recipe holds numbers and names only. Change one with `dataclasses.replace`.

    Attributes:
        epochs: Passes over the training images.
        seed: Decides all that is drawn: augmentation, mixing, sizes.
        optimizer: "adam", "adamw", "sgd" or "rmsprop".
        learning_rate: Highest rate.
        momentum: Of "sgd" and "rmsprop".
        schedule: "cosine", "step" or "constant", see `learning_rates`.
        warmup_epochs: Over which the rate rises from 0; may be a fraction.
        decay_epochs: Where the schedule "step" multiplies the rate by `decay_factor`.
        decay_factor: See `decay_epochs`.
        layer_decay: What the rate is multiplied by from each group of layers to the one before it,
            counted from the classifier; 1 trains all at one rate. Not for "rmsprop".
        weight_decay: Share of a weight that a step at rate 1 takes away from it, decoupled from
            the gradient; not of biases and normalizations.
        l1: Factor of the sum of absolute kernel weights that is added to the loss.
        l2: Factor of the sum of squared kernel weights, without the half; with `l1` an elastic net.
        label_smoothing: Share that the true class gives to the others, see
            `keras_label_smoothing`.
        flip: Whether half of the images are mirrored, left to right.
        shift: Largest shift, as a share of height and width.
        turn: Largest turn to each side, as a share of a full one.
        zoom: Largest magnification and reduction, as a share of the size.
        colour: Whether brightness, contrast, saturation and hue are changed a little.
        rand_augment: Number of Keras' RandAugment operations on each image; 0 for none.
        rand_augment_strength: Of these, from 0 to 1.
        erase: Share of images with a random rectangle of noise.
        mixup: Parameter of the Beta distribution that the shares of mixed images are drawn from:
            0 does not mix, 1 is uniform; Keras' MixUp draws for each image.
        cutmix: Largest share of the image that is pasted in, with its label, from 0 to 1. Not
            together with `mixup`.
        mosaic: Whether images are put together of four, with their boxes; of detectors.
        batch_sizes_px: Heights and widths, multiples of 32, of which one is drawn for each batch;
            the model must take images of any size. Empty for the size that comes.
        ema: Weight of the past in the average of the weights that is evaluated and kept, e.g.
            0.99; 0 for none.
        sync_batch_norm: Whether batch normalization counts the images of all devices together.
        patience: Epochs without a better one after which a run stops; 0 never does.

    Raises:
        ValueError: If a value is out of its range, or two exclude each other.
        TypeError: If a value is of another kind.

    Example:
        >>> recipe = Recipe(epochs=120, optimizer="sgd", learning_rate=0.1, warmup_epochs=5)
        >>> Recipe.from_dict(recipe.to_dict()) == recipe
        True
    """

    epochs: int = 20
    seed: int = 0
    optimizer: str = "adam"
    learning_rate: float = 0.003
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup_epochs: float = 1.0
    decay_epochs: tuple[float, ...] = (30.0, 60.0, 90.0)
    decay_factor: float = 0.1
    layer_decay: float = 1.0
    weight_decay: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    label_smoothing: float = 0.0
    flip: bool = False
    shift: float = 0.0
    turn: float = 0.0
    zoom: float = 0.0
    colour: bool = False
    rand_augment: int = 0
    rand_augment_strength: float = 0.5
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    mosaic: bool = False
    batch_sizes_px: tuple[int, ...] = ()
    ema: float = 0.0
    sync_batch_norm: bool = False
    patience: int = 0

    def __post_init__(self) -> None:
        self._bring_to_type()
        for name in ("epochs", "learning_rate", "decay_factor"):
            check_positive(name, getattr(self, name))
        check_at_most("epochs", self.epochs, MOST_EPOCHS)
        if self.seed > MOST_SEED:
            raise ValueError(
                f"`seed` must be at most {MOST_SEED}. Received: {shortened(self.seed)}."
            )
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        for name in ("momentum", "label_smoothing", "shift", "turn", "zoom", "ema"):
            check_rate(name, getattr(self, name))
        for name in ("seed", "weight_decay", "l1", "l2", "mixup", "rand_augment", "patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {getattr(self, name)!r}.")
        if self.rand_augment > _MOST_AUGMENTATIONS:
            raise ValueError(
                f"`rand_augment` must be at most {_MOST_AUGMENTATIONS}. Received: "
                f"{self.rand_augment!r}."
            )
        for name in ("rand_augment_strength", "erase", "cutmix"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` must be from 0 to 1. Received: {getattr(self, name)!r}."
                )
        if not 0 < self.layer_decay <= 1:
            raise ValueError(
                f"`layer_decay` must be above 0 and at most 1. Received: {self.layer_decay!r}."
            )
        self._check_together()

    def _bring_to_type(self) -> None:
        """Turns whole numbers into floats and lists into tuples, where YAML gives these."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kind = type(field.default)
            if kind is tuple and isinstance(value, list | tuple):
                item = float if field.name == "decay_epochs" else int
                whole = [isinstance(x, item | int) and not isinstance(x, bool) for x in value]
                if all(whole):
                    numbers = tuple(_converted(field.name, x, item) for x in value)
                    object.__setattr__(self, field.name, numbers)
                    continue
            elif kind is float and isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, field.name, _converted(field.name, value, float))
                continue
            elif type(value) is kind and kind is not tuple:
                continue
            raise TypeError(
                f"`{field.name}` must be of type {field.type}. Received: {shortened(value)}."
            )
        for name, value in vars(self).items():
            numbers = value if isinstance(value, tuple) else (value,)
            # Not written as `>`, which is false of NaN.
            if any(isinstance(n, float) and not abs(n) <= _LARGEST_FLOAT for n in numbers):
                raise ValueError(f"`{name}` must be finite, also as float32. Received: {value!r}.")

    def _check_together(self) -> None:
        check_schedule(self.schedule, self.epochs, self.warmup_epochs, self.decay_epochs)
        if self.mixup and self.cutmix:
            raise ValueError(
                "`mixup` and `cutmix` both mix images: set one of them to 0. "
                f"Received: mixup={self.mixup}, cutmix={self.cutmix}."
            )
        for size in self.batch_sizes_px:
            if size > MOST_SIZE_PX:
                raise ValueError(
                    f"`batch_sizes_px` must be at most {MOST_SIZE_PX}. Received: {size}."
                )
        wrong = [size for size in self.batch_sizes_px if size < 1 or size % SIZE_STEP_PX]
        if wrong:
            raise ValueError(
                f"`batch_sizes_px` must be multiples of {SIZE_STEP_PX}, the stride of the last "
                f"feature map. Received: {wrong[0]}. "
                f"Nearest: {max(round(wrong[0] / SIZE_STEP_PX), 1) * SIZE_STEP_PX}."
            )
        if self.layer_decay < 1 and self.optimizer == "rmsprop":
            raise ValueError(
                "`layer_decay` is for the optimizers 'adam', 'adamw' and 'sgd'. "
                "Received: layer_decay="
                f"{self.layer_decay} with optimizer='rmsprop'."
            )

    @property
    def soft_labels(self) -> bool:
        """Whether labels become shares of the classes, instead of staying numbers."""
        return bool(self.label_smoothing or self.mixup or self.cutmix)

    def to_dict(self) -> dict[str, Any]:
        """Returns the recipe as what YAML and JSON hold: lists and no tuples."""
        values = dataclasses.asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """Returns the recipe of such a dict; what is missing has its default.

        Raises:
            ValueError: If a name is unknown or a value out of its range.
            TypeError: If a value is of another kind.
        """
        if not isinstance(values, Mapping):
            raise TypeError(
                "`recipe` must hold values by name, like `mixup: 0.2`. Received: "
                f"{shortened(values)}."
            )
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            check_choice("recipe", name, names)
        return cls(**values)


def _converted(name: str, value: Any, kind: type) -> Any:
    try:
        return kind(value)
    except OverflowError as error:
        raise ValueError(f"`{name}` must be finite. Received: {shortened(value)}.") from error


def check_schedule(
    kind: str, epochs: float, warmup_epochs: float, decay_epochs: Sequence[float]
) -> None:
    """Raises ValueError unless there is a schedule of that kind and length."""
    check_choice("schedule", kind, SCHEDULES)
    if not 0 <= warmup_epochs <= epochs:
        raise ValueError(
            f"`warmup_epochs` must be at least 0 and at most `epochs`, {epochs}. "
            f"Received: {warmup_epochs!r}."
        )
    rising = sorted(set(decay_epochs)) == list(decay_epochs)
    if not rising or any(epoch <= 0 for epoch in decay_epochs):
        raise ValueError(
            f"`decay_epochs` must be above 0 and rise. Received: {tuple(decay_epochs)}."
        )


def save_recipe(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    """Writes a recipe as YAML, a name and its value on each line.

    Example:
        >>> save_recipe(Recipe(mixup=0.2), "mixup.yaml")
    """
    write_atomic(path, write_yaml(recipe.to_dict()))


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Returns the recipe in a YAML file: one of its own, or the `args.yaml` of a run.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no recipe.
        TypeError: If a value is of another kind.

    Example:
        >>> recipe = load_recipe("runs/train/args.yaml")
    """
    values = read_yaml(path)
    if isinstance(values, dict) and isinstance(values.get("recipe"), dict):
        values = values["recipe"]
    if not isinstance(values, dict):
        raise ValueError(
            f"{path} must hold a recipe, a name and a value on each line like `mixup: 0.2`. "
            f"Received: {type(values).__name__}."
        )
    try:
        return Recipe.from_dict(values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error
