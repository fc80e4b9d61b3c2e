"""Arguments of the task of telling many things of a face at once."""

from dataclasses import dataclass

from keras_cv_course._validation import check_choice, check_rate
from keras_cv_course.registry import MODELS, list_models
from keras_cv_course.tasks.args import RunArgs, option
from keras_cv_course.training.recipe import Recipe

DRAWN = "drawn_faces"
_NETWORK = "multitask_faces"
_RECIPE = Recipe(
    epochs=12,
    learning_rate=0.001,
    flip=True,
    shift=0.08,
    turn=0.04,
    zoom=0.15,
    colour=True,
)


@dataclass(frozen=True)
class Args(RunArgs):
    """Arguments of a multitask network's training run.

    Attributes:
        backbone: Network that the heads share.
        dropout_rate: Share of the features in front of the heads that training sets to zero.
        val_split: Share of the people, or of the images where these are not known, held out.
    """

    BUILT_IN = (DRAWN,)
    WITHOUT = frozenset(
        {"strategy", "mixed_precision", "layer_decay", "label_smoothing", "mixup", "cutmix"}
        | {"mosaic", "rand_augment", "rand_augment_strength", "erase", "batch_sizes_px"}
    )

    data: str = option(
        DRAWN,
        "Folder with some of the folders youtube_faces_landmarks, utkface, smiles and not_person, "
        'or "drawn_faces".',
    )
    model: str = option(_NETWORK, "multitask_faces.")
    backbone: str = option("mobilenet_v2", "Network that the heads share, see `models`.")
    imgsz: int | None = option(64, "Height and width of the input in pixels.")
    dropout_rate: float = option(0.2, "Share of the features before the heads that is set to zero.")
    val_split: float = option(0.2, "Share held out: of people where they are known, or of images.")
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        check_choice("model", self.model, (_NETWORK,))
        check_choice("backbone", self.backbone, list_models("classifier"))
        super().__post_init__()
        check_rate("dropout_rate", self.dropout_rate)
        if not 0 < self.val_split < 1:
            raise ValueError(
                f"`val_split` must be above 0 and below 1. Received: {self.val_split}."
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        side = self.imgsz or MODELS[self.backbone].size_px
        return (side, side, 3)

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value that the network takes: that of its backbone."""
        return MODELS[self.backbone].input_range


@dataclass(frozen=True)
class Predict:
    """A multitask network has no options of its own."""


@dataclass(frozen=True)
class Export:
    """A multitask network has no options of its own on its way to a file."""
