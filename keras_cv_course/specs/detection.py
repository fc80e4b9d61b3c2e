"""What the raw outputs of a detector mean: its anchors, how boxes are coded, what scores are."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from keras_cv_course._validation import MOST_ANCHORS, check_at_most, check_choice, check_whole
from keras_cv_course.ops.anchors import AnchorMap, anchor_boxes, anchor_strides
from keras_cv_course.ops.box_coding import NO_VARIANCES

TASK = "detect"
RESIZINGS = ("stretch", "pad")  # What is cropped away could not be found.
CODINGS = ("center", "cell", "square")
SCORES = ("softmax", "sigmoid", "objectness_sigmoid", "objectness_softmax", "objectness_linear")
_BACKGROUND = ("softmax",)


@dataclass(frozen=True)
class DetectionSpec:
    """What turns the raw outputs of a detector into boxes; it is saved with the network.

    With an anchor (x_a, y_a, w_a, h_a), the cell's width s and variances v, the codes (a, b, c, d)
    of a box around (x, y) of width w are, and correspondingly for y and height:

    - "center": x = x_a + v_0 a w_a, w = w_a exp(v_2 c), as in SSD;
    - "cell": x = x_a + (sigmoid(a) - 1/2) s, w = w_a exp(c), as in YOLOv2 and YOLOv3, where x_a
      is the middle of the cell;
    - "square": x = x_a + (a - 1/2) s, w = w_a c², as in YOLOv1.

    Scores of classes are, from the logits:

    - "softmax": the softmax over the background, class 0 of the logits, and the classes;
    - "sigmoid": the sigmoid;
    - "objectness_sigmoid", "objectness_softmax": the sigmoid of the objectness times the sigmoid
      or the softmax of the classes;
    - "objectness_linear": objectness times class as they are.

    Attributes:
        input_size_px: (height, width) of the network's input.
        classes: Number of classes, without the background.
        maps: Anchors of the feature maps, the finest first.
        coding: One of `CODINGS`.
        scores: One of `SCORES`.
        variances: Of (x, y, width, height) in "center"; ones elsewhere.
        input_range: Smallest and largest pixel value that the network takes, None where it is not
            known.
    """

    input_size_px: tuple[int, int]
    classes: int
    maps: tuple[AnchorMap, ...]
    coding: str
    scores: str
    variances: tuple[float, float, float, float] = NO_VARIANCES
    input_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_choice("coding", self.coding, CODINGS)
        check_choice("scores", self.scores, SCORES)
        check_whole("classes", self.classes)
        if not self.maps:
            raise ValueError("`maps` must hold at least one feature map. Received none.")
        check_at_most("anchors", self.count, MOST_ANCHORS)
        if len(self.variances) != 4 or not all(0 < v < math.inf for v in self.variances):
            raise ValueError(
                "`variances` must be those of x, y, width and height, above 0. "
                f"Received: {self.variances}."
            )
        if self.coding != "center" and self.variances != NO_VARIANCES:
            raise ValueError(
                f'`variances` belong to coding="center". Received: {self.variances} with '
                f'coding="{self.coding}".'
            )

    @property
    def count(self) -> int:
        """Number of anchors."""
        return sum(anchor_map.count for anchor_map in self.maps)

    @property
    def logits(self) -> int:
        """Number of class logits of an anchor; with the background where there is one."""
        return self.classes + self.has_background

    @property
    def has_background(self) -> bool:
        """Whether class 0 of the logits is the background."""
        return self.scores in _BACKGROUND

    @property
    def has_objectness(self) -> bool:
        """Whether the network has an output of its own for there being an object."""
        return self.scores.startswith("objectness")

    def anchors(self) -> np.ndarray:
        """Returns float32 (count, 4), xyxy in pixels of the input: the order of the outputs."""
        return anchor_boxes(self.maps)

    def strides(self) -> np.ndarray:
        """Returns float32 (count, 2), the (x, y) size in pixels of the cell of each anchor."""
        return anchor_strides(self.maps)

    def relative_anchors(self) -> np.ndarray:
        """Returns (count, 4), (x_center, y_center, width, height) in parts of the input's size."""
        height, width = self.input_size_px
        anchors = self.anchors() / np.array([width, height, width, height], np.float32)
        centers, sizes = (anchors[:, 2:] + anchors[:, :2]) / 2, anchors[:, 2:] - anchors[:, :2]
        return np.concatenate([centers, sizes], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "DetectionSpec":
        """Returns the spec of a `to_dict`, where tuples may be lists."""
        frozen = {name: _frozen(value) for name, value in fields.items() if name != "maps"}
        maps = (
            AnchorMap(**{name: _frozen(value) for name, value in anchor_map.items()})
            for anchor_map in fields["maps"]
        )
        return cls(maps=tuple(maps), **frozen)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
