"""Everything that makes a training run, as `args.yaml` keeps it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_cv_course._validation import check_choice, check_positive
from keras_cv_course.registry import MODELS

DIGITS = "digits"
STRATEGIES = ("mirrored",)
PRECISIONS = ("bf16", "fp16")
_DIGITS_SIZE_PX = 48


def _option(default: Any, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TrainArgs:
    """Arguments of a training run; each is an option of `train` with the help of its field."""

    data: str = _option(
        DIGITS, "Folder of class folders or of shards, or the handwritten digits inside."
    )
    model: str = _option("mobilenet_v2", "Name of the network, see `models`.")
    imgsz: int | None = _option(None, "Height and width; as in the paper, 48 for digits.")
    alpha: float | None = _option(None, "Width of the network, where its family has one.")
    weights: str | None = _option(None, '"imagenet", or a file of weights; fresh ones.')
    epochs: int = _option(20, "Passes over the pictures.")
    batch: int = _option(32, "Pictures in a batch.")
    lr0: float = _option(0.003, "Highest learning rate.")
    seed: int = _option(0, "Decides weights, split and order.")
    val_split: float = _option(0.2, "Share held out where there is no `val` folder.")
    augment: bool = _option(True, "Shift and turn the pictures a little.")
    qat: bool = _option(False, "Then fine-tune with int8 rounding, for a better int8 export.")
    qat_epochs: int = _option(4, "Passes over the pictures with int8 rounding.")
    strategy: str | None = _option(None, '"mirrored": all GPUs of this machine; one device.')
    mixed_precision: str | None = _option(None, '"bf16" or "fp16"; all in float32.')
    deterministic: bool = _option(False, "The same bits in every run, at some cost of speed.")
    tensorboard: bool = _option(False, "Log for TensorBoard, to `tensorboard` in the run.")

    def __post_init__(self) -> None:
        check_choice("model", self.model, MODELS)
        for name in ("epochs", "batch", "lr0", "qat_epochs"):
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
        if self.seed < 0:
            raise ValueError(f"`seed` must be at least 0. Received: {self.seed}.")

    @classmethod
    def from_yaml(cls, loaded: Mapping[str, Any]) -> "TrainArgs":
        """Returns the arguments in a run's `args.yaml`, which holds facts about the run besides.

        Raises:
            ValueError: If one is missing.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in loaded]
        if missing:
            raise ValueError(f"args.yaml must hold every argument of the run. Missing: {missing}.")
        return cls(**{name: loaded[name] for name in names})

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
