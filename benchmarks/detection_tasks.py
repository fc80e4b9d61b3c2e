"""What detectors are measured on, and the detectors that learn it, for the other programs here."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import KFold

from keras_cv_course import YOLO, MobileNetV2, SSDLite, feature_maps
from keras_cv_course.data import voc_annotations
from keras_cv_course.data.annotations import Annotations
from keras_cv_course.ops.anchor_clustering import cluster_shapes

RANGE = (-1.0, 1.0)
WEIGHTS = "mobilenet_v2_1.0_224.weights.h5"
MOMENTUM = 0.9  # Of batch normalization: there are about a thousand steps.
FOLDS = 5
# Options of each detector's loss.
LOSSES: dict[str, dict[str, Any]] = {
    "ssdlite": {},
    "yolo": {"box_loss": "ciou", "box_weight": 5.0},
}

# From a backbone and what is to be learned to a detector.
Build = Callable[[keras.Model, Annotations], keras.Model]


def ssdlite(smallest: float, largest: float) -> Build:
    """Returns what builds SSDLite on the strides 8 to 64, with anchors of some sizes.

    The backbone ends at stride 16: what is to be found stands close together, for the cells of 32
    pixels of its last map.

    Args:
        smallest: Side of the smallest anchors, as a share of the image.
        largest: Of the largest.
    """

    def build(body: keras.Model, train: Annotations) -> keras.Model:
        maps = feature_maps(body, ("P4",))
        return SSDLite(
            keras.Model(maps.input, maps.output["P4"], name=body.name),
            len(train.class_names),
            extra_filters=(256, 128),
            smallest=smallest,
            largest=largest,
            batch_norm_momentum=MOMENTUM,
        )

    return build


def yolo(body: keras.Model, train: Annotations) -> keras.Model:
    """Returns YOLOv3 with an anchor for each of its three maps, of the sizes that objects have."""
    shapes, _ = cluster_shapes(train.shapes_px(body.input_shape[1:3]), 3)
    anchors = [[shape] for shape in shapes]
    classes = len(train.class_names)
    return YOLO(body, classes, anchors=anchors, batch_norm_momentum=MOMENTUM)


@dataclass(frozen=True)
class Task:
    """A set of annotated images, and how detectors learn it.

    Attributes:
        folder: In the folder of data, with the layout of Pascal VOC and the lists `train`, `val`.
        models: Detectors by name.
        epochs: In float by the name of the detector, and quantization-aware.
        size: Height and width of the input.
        batch: Images in a step of training.
        window: Smallest and largest part of an image that is shown in training.
        folds: Whether both lists together are divided into folds.
    """

    folder: str
    models: dict[str, Build]
    epochs: dict[str, tuple[int, int]]
    size: int
    batch: int
    window: tuple[float, float]
    folds: bool = False

    def lists(self, shared: Path, fold: int = 0) -> tuple[Annotations, Annotations]:
        """Returns what is in the images to learn, and in those that are held out."""
        folder = shared / "data" / self.folder
        train = voc_annotations(folder, "train")
        val = voc_annotations(folder, "val", train.class_names)
        if not self.folds:
            return train, val
        images = np.array([*train.images, *val.images])
        rows = list(KFold(FOLDS, shuffle=True, random_state=0).split(images))[fold]
        learned, held_out = (dataclasses.replace(train, images=(*images[r],)) for r in rows)
        return learned, held_out


TASKS = {
    # A platelet is a twelfth of the image. Cells have one size: the windows differ little.
    "bccd": Task(
        "bccd",
        {"ssdlite": ssdlite(0.07, 0.4), "yolo": yolo},
        {"ssdlite": (30, 4), "yolo": (60, 4)},
        size=224,
        batch=8,
        window=(0.75, 1.15),
    ),
    # Only two people are in an image: small batches make more steps of them.
    "penn_fudan": Task(
        "penn_fudan",
        {"ssdlite": ssdlite(0.15, 0.8), "yolo": yolo},
        {"ssdlite": (40, 4), "yolo": (60, 4)},
        size=160,
        batch=4,
        window=(0.6, 1.2),
        folds=True,
    ),
}


def backbone(shared: Path, size: int) -> keras.Model:
    """Returns MobileNetV2 with ImageNet weights."""
    return MobileNetV2(
        (size, size, 3),
        include_top=False,
        weights=shared / "weights" / WEIGHTS,
        batch_norm_momentum=MOMENTUM,
    )
