"""Everything that makes a detector's training run, as `args.yaml` keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_cv_course._validation import check_choice, check_positive, check_whole
from keras_cv_course.training.run_folder import arguments_of

SHAPES = "shapes"
_MOST_EXTRA_MAPS = 4
TRAINED = ("ssdlite", "retinanet", "yolo")


@dataclass(frozen=True)
class DetectionArgs:
    """Arguments of a training run of a detector on MobileNetV2.

    Attributes:
        data: "shapes", or a folder, see `open_boxes`.
        model: "ssdlite", "retinanet" or "yolo".
        imgsz: Height and width of the input.
        alpha: Width of the backbone.
        stride: Where SSDLite's backbone ends: 32, or 16 for small pictures and small objects.
        extra_maps: Further maps of SSDLite, of half the size each; 1 to 4.
        smallest: Size of SSDLite's anchors on its first map, as a part of the picture's.
        largest: Size of those on its last map.
        weights: "imagenet", a file of weights, or None for fresh ones.
        epochs: Passes over the pictures.
        batch: Pictures in a batch.
        lr0: Highest learning rate.
        seed: Decides weights, order and augmentation.
        augment: Whether pictures are cropped, mirrored and coloured; drawn ones are mirrored.
        qat: Whether int8 rounding is trained afterwards.
        qat_epochs: Passes with int8 rounding.
        deterministic: Whether every run gives the same bits.
    """

    data: str = SHAPES
    model: str = "ssdlite"
    imgsz: int = 320
    alpha: float = 1.0
    stride: int = 32
    extra_maps: int = 4
    smallest: float = 0.15
    largest: float = 0.9
    weights: str | None = None
    epochs: int = 30
    batch: int = 16
    lr0: float = 0.002
    seed: int = 0
    augment: bool = True
    qat: bool = False
    qat_epochs: int = 4
    deterministic: bool = False

    def __post_init__(self) -> None:
        check_choice("model", self.model, TRAINED)
        check_choice("stride", self.stride, (16, 32))
        check_choice("extra_maps", self.extra_maps, range(1, _MOST_EXTRA_MAPS + 1))
        for name in ("imgsz", "epochs", "batch", "qat_epochs"):
            check_whole(name, getattr(self, name))
        for name in ("alpha", "lr0", "smallest", "largest"):
            check_positive(name, getattr(self, name))
        if self.model != "ssdlite":
            for name in ("stride", "extra_maps", "smallest", "largest"):
                if getattr(self, name) != getattr(type(self), name):
                    raise ValueError(
                        f"`{name}` is of SSDLite. Received: {getattr(self, name)} with "
                        f"model={self.model!r}. Leave it out."
                    )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the network's input."""
        return (self.imgsz, self.imgsz, 3)

    @classmethod
    def from_yaml(cls, loaded: Mapping[str, Any]) -> "DetectionArgs":
        """Returns the arguments in a run's `args.yaml`, which holds facts about the run besides.

        Raises:
            ValueError: If one is missing.
        """
        return cls(**arguments_of(cls, loaded))
