"""Arguments of the task of finding objects in an image."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_cv_course._validation import check_choice, check_positive
from keras_cv_course.registry import MODELS
from keras_cv_course.tasks.args import RunArgs, option
from keras_cv_course.training.recipe import Recipe

SHAPES = "shapes"
BACKBONE = "mobilenet_v2"
MODELS_TRAINED = ("ssdlite", "retinanet", "yolo")
NMS = {"tflite_op": "tflite_op", "builtin": "builtin", "none": None}
_MOST_EXTRA_MAPS = 4
_RECIPE = Recipe(epochs=30, learning_rate=0.002, flip=True, zoom=0.5, colour=True)
_OF_SSDLITE = ("stride", "extra_maps", "smallest", "largest")


@dataclass(frozen=True)
class Args(RunArgs):
    """Arguments of a training run of a detector on MobileNetV2.

    Attributes:
        stride: Where SSDLite's backbone ends: 32, or 16 for small images and small objects.
        extra_maps: Further maps of SSDLite, of half the size each; 1 to 4.
        smallest: Size of SSDLite's anchors on its first map, as a share of the image's.
        largest: Size of those on its last map.
    """

    BUILT_IN = (SHAPES,)
    NETWORKS = MODELS_TRAINED
    WITHOUT = frozenset(
        {"shift", "turn", "rand_augment"} | {"rand_augment_strength", "erase", "cutmix"}
    )

    data: str = option(SHAPES, 'Folder in the layout of VOC, COCO or CSV, or "shapes".')
    model: str = option("ssdlite", f"One of {', '.join(MODELS_TRAINED)}.")
    imgsz: int | None = option(320, "Height and width of the input in pixels.")
    alpha: float | None = option(1.0, "Width multiplier of the backbone.")
    batch: int = option(16, "Images in a batch.")
    stride: int = option(
        32, "For SSDLite: stride where the backbone ends, 32, or 16 for small objects."
    )
    extra_maps: int = option(4, "For SSDLite: additional maps, each half as large.")
    smallest: float = option(0.15, "For SSDLite: smallest anchors, as a share of the image.")
    largest: float = option(0.9, "For SSDLite: anchors of the last map, as a share of the image.")
    recipe: Recipe = _RECIPE

    def __post_init__(self) -> None:
        check_choice("model", self.model, MODELS_TRAINED)
        check_choice("stride", self.stride, (16, 32))
        check_choice("extra_maps", self.extra_maps, range(1, _MOST_EXTRA_MAPS + 1))
        for name in ("smallest", "largest"):
            check_positive(name, getattr(self, name))
        super().__post_init__()
        if self.model != "ssdlite":
            for name in _OF_SSDLITE:
                if getattr(self, name) != getattr(type(self), name):
                    raise ValueError(
                        f"`{name}` is of SSDLite. Received: {getattr(self, name)} with "
                        f"model={self.model!r}. Leave it out."
                    )

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value that the network takes: that of its backbone."""
        return MODELS[BACKBONE].input_range

    @classmethod
    def default_recipe(cls, data: str, weights: str | None = None) -> Recipe:
        """Returns the recipe of a run that asks for no other: drawn shapes are mirrored only."""
        plain = dataclasses.replace(cls.recipe, zoom=0.0, colour=False)
        return plain if data == SHAPES else cls.recipe

    @classmethod
    def migrated(cls, loaded: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the content of an older `args.yaml`, which had its recipe spelled out."""
        if "recipe" in loaded:
            return loaded
        zoomed = loaded["augment"] and loaded["data"] != SHAPES
        recipe = {
            "epochs": loaded["epochs"],
            "seed": loaded["seed"],
            "learning_rate": loaded["lr0"],
            "flip": loaded["augment"],
            "zoom": 0.5 if zoomed else 0.0,
            "colour": zoomed,
        }
        return {**loaded, "recipe": recipe}


@dataclass(frozen=True)
class Predict:
    """Options of predictions."""

    score: float = option(0.3, "Lowest score of the detections to return.")

    def __post_init__(self) -> None:
        _check_score(self.score)


@dataclass(frozen=True)
class Export:
    """Options of the way to a file."""

    nms: str = option(
        "tflite_op", "Suppression: tflite_op, builtin, or none, which leaves it to MediaPipe."
    )
    score: float = option(0.3, "Lowest score of the detections to return.")

    def __post_init__(self) -> None:
        check_choice("--nms", self.nms, NMS)
        _check_score(self.score)


def _check_score(score: float) -> None:
    if not 0 <= score <= 1:
        raise ValueError(f"`score` must be from 0 to 1. Received: {score!r}.")
