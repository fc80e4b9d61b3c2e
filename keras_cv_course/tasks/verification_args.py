"""Arguments of the task of recognizing people by their faces."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_cv_course._validation import (
    MOST_BATCH,
    check_at_most,
    check_choice,
    check_crop,
    check_whole,
)
from keras_cv_course.registry import MODELS, list_models
from keras_cv_course.tasks.args import RunArgs, check_held_out, option
from keras_cv_course.training.recipe import Recipe

DIGITS = "digits"
# By name: height and width, channels, and the range of pixel values; None is the backbone's.
NETWORKS: dict[str, tuple[int, int, tuple[float, float] | None]] = {
    "face_encoder": (160, 3, None),
    "mobile_face_net": (112, 3, (-1.0, 1.0)),
    "siamese_encoder": (28, 1, (0.0, 1.0)),
}
_BACKBONE = "mobilenet_v2"
_STRIDE = 32
_MOST_DIM = 16_384
_RENAMED = {"pictures_per_person": "images_per_person"}
_OF_FACE_ENCODER = ("alpha", "weights", "freeze", "backbone")
_RECIPE = Recipe(epochs=10, learning_rate=1e-3)


@dataclass(frozen=True)
class Args(RunArgs):
    """Arguments of an encoder's training run.

    A batch holds `people_per_batch` times `images_per_person` images.

    Attributes:
        backbone: Network whose feature maps a "face_encoder" is built on.
        embedding_dim: Size of the vectors.
        held_out: Share of the people held out from training.
        crop: Share of each side of an image that is kept around its center.
        mirrored: Whether the mirrored image is embedded as well when the encoder is used.
        margin: Of the loss CosFace.
        scale: Of the loss CosFace.
        people_per_batch: At most; all where there are fewer.
        images_per_person: In a batch.
    """

    BUILT_IN = (DIGITS,)
    WITHOUT = frozenset(
        {"batch", "layer_decay", "label_smoothing", "mixup"}
        | {"cutmix", "mosaic", "rand_augment", "rand_augment_strength", "erase", "batch_sizes_px"}
    )

    data: str = option(DIGITS, 'Folder with a folder of images for each person, or "digits".')
    model: str = option(
        "",
        f"One of {', '.join(NETWORKS)}; by default siamese_encoder for digits, else face_encoder.",
    )
    backbone: str = option(_BACKBONE, "Network under a face_encoder, see `models`.")
    embedding_dim: int = option(128, "Size of the vectors.")
    held_out: float = option(0.3, "Share of the people held out from training.")
    crop: float = option(1.0, "Share of each side that is kept around the centre.")
    mirrored: bool = option(False, "Embed the mirrored image as well when the encoder is used.")
    margin: float = option(0.2, "Margin of the CosFace loss.")
    scale: float = option(24.0, "Scale of the CosFace loss.")
    people_per_batch: int = option(16, "People in a batch.")
    images_per_person: int = option(4, "Images of each person in a batch.")
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        if not self.model:
            name = "siamese_encoder" if self.data == DIGITS else "face_encoder"
            object.__setattr__(self, "model", name)
        check_choice("model", self.model, NETWORKS)
        check_choice("backbone", self.backbone, list_models("classifier"))
        super().__post_init__()
        for name in ("embedding_dim", "people_per_batch", "images_per_person"):
            check_whole(name, getattr(self, name))
        check_at_most("embedding_dim", self.embedding_dim, _MOST_DIM)
        batch = self.people_per_batch * self.images_per_person
        check_at_most("people_per_batch * images_per_person", batch, MOST_BATCH)
        check_held_out("held_out", self.held_out)
        check_crop(self.crop)
        if self.model != "face_encoder":
            for name in _OF_FACE_ENCODER:
                if getattr(self, name) != getattr(type(self), name):
                    raise ValueError(
                        f"`{name}` is of face_encoder. Received: {getattr(self, name)!r} with "
                        f"model={self.model!r}. Leave it out."
                    )
        elif self.imgsz is not None and self.imgsz % _STRIDE:
            raise ValueError(
                f"`imgsz` must be a multiple of {_STRIDE} for a face_encoder. Received: "
                f"{self.imgsz}."
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        size, channels, _ = NETWORKS[self.model]
        side = self.imgsz or size
        return (side, side, channels)

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value that the network takes."""
        return NETWORKS[self.model][2] or MODELS[self.backbone].input_range

    @property
    def grid(self) -> int:
        """Rows and columns that a face_encoder pools its feature maps to."""
        return self.input_shape[0] // _STRIDE

    @classmethod
    def migrated(cls, loaded: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the content of an older `args.yaml` with the names of today."""
        return {_RENAMED.get(name, name): value for name, value in loaded.items()}

    @classmethod
    def default_recipe(cls, data: str, weights: str | None = None) -> Recipe:
        """Returns the recipe of a run that asks for no other: faces are distorted gently."""
        gentle = dataclasses.replace(
            cls.recipe, flip=True, shift=0.06, turn=0.02, zoom=0.1, colour=True
        )
        return cls.recipe if data == DIGITS else gentle


@dataclass(frozen=True)
class Predict:
    """An encoder has no options of its own."""


@dataclass(frozen=True)
class Export:
    """An encoder has no options of its own on its way to a file."""
