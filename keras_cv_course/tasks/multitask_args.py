"""Arguments of the task of telling many things of a face at once."""

from dataclasses import dataclass

from keras_cv_course.tasks.args import BackboneArgs, check_held_out, option
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
class Args(BackboneArgs):
    """Arguments of a multitask network's training run.

    Attributes:
        val_split: Share of the people, or of the images where these are not known, held out.
    """

    BUILT_IN = (DRAWN,)
    NETWORKS = (_NETWORK,)
    WITHOUT = frozenset(
        {"label_smoothing", "mixup", "cutmix"}
        | {"mosaic", "rand_augment", "rand_augment_strength", "erase", "batch_sizes_px"}
    )

    data: str = option(
        DRAWN,
        "Folder with some of the folders youtube_faces_landmarks, utkface, smiles and not_person, "
        'or "drawn_faces".',
    )
    model: str = option(_NETWORK, "multitask_faces.")
    imgsz: int | None = option(64, "Height and width of the input in pixels.")
    dropout_rate: float = option(0.2, "Dropout rate before the heads.")
    val_split: float = option(0.2, "Share held out: of people where they are known, or of images.")
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        super().__post_init__()
        check_held_out("val_split", self.val_split)


@dataclass(frozen=True)
class Predict:
    """A multitask network has no options of its own."""


@dataclass(frozen=True)
class Export:
    """A multitask network has no options of its own on its way to a file."""
