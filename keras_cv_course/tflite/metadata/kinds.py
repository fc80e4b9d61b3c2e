"""What the outputs of a .tflite file are, as its metadata say to programs that run it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_cv_course._validation import check_choice, check_positive
from keras_cv_course.tflite.labels import check_names

ACTIVATIONS = ("none", "sigmoid", "softmax")
_TOLERANCE = 1e-6  # of float32, for centers on the border


@dataclass(frozen=True)
class _Labelled:
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.labels, str) or len(self.labels) > 0:
            object.__setattr__(self, "labels", tuple(check_names("labels", self.labels)))
        else:
            object.__setattr__(self, "labels", ())


@dataclass(frozen=True)
class ClassifierMetadata(_Labelled):
    """One output of scores, (1, classes).

    Attributes:
        labels: Name of each class, or none.
    """


@dataclass(frozen=True)
class EmbedderMetadata:
    """One output that is a feature vector, (1, size)."""


@dataclass(frozen=True)
class SegmenterMetadata(_Labelled):
    """One output of scores for each pixel, (1, height, width, classes).

    Attributes:
        labels: Name of each class, or none.
        activation: What the reader applies to the scores: "none", "sigmoid" or "softmax".
    """

    activation: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("activation", self.activation, ACTIVATIONS)


@dataclass(frozen=True)
class DetectorMetadata(_Labelled):
    """The four outputs of TFLite_Detection_PostProcess: boxes, classes, scores, count.

    Attributes:
        labels: Name of each class, without the background, or none.
    """


@dataclass(frozen=True, kw_only=True, eq=False)
class AnchorDetectorMetadata(_Labelled):
    """Two outputs that the reader decodes: boxes (1, anchors, 4) and scores (1, anchors, classes).

    A box is coded as (y, x, height, width): its center relative to the anchor's in units of the
    anchor's size, and its size in units of the anchor's, each times a scale.

    Attributes:
        labels: Name of each class, or none.
        anchors: `(count, 4)` of x_center, y_center, width, height, as parts of the image's size;
            centers are in [0, 1].
        scales: What the codes of x, y, width and height are divided by.
        exponential: Whether the code of a size is the logarithm of it.
        sigmoid_score: Whether the reader applies the sigmoid to the scores.
    """

    anchors: "np.ndarray | Sequence[Sequence[float]]"
    scales: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    exponential: bool = True
    sigmoid_score: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        anchors = np.array(self.anchors, "float32")
        if anchors.ndim != 2 or anchors.shape[1] != 4 or len(anchors) == 0:
            raise ValueError(
                "`anchors` must have shape (count, 4) of x_center, y_center, width and height. "
                f"Received: shape {anchors.shape}."
            )
        centers, sizes = anchors[:, :2], anchors[:, 2:]
        if not (
            np.isfinite(anchors).all()
            and (sizes > 0).all()
            and (centers >= -_TOLERANCE).all()
            and (centers <= 1 + _TOLERANCE).all()
        ):
            raise ValueError(
                "`anchors` must have centers in [0, 1] and sizes above 0, as parts of the "
                f"image's size. Received: values from {anchors.min()} to {anchors.max()}. Divide "
                "pixels by the width and height of the input."
            )
        anchors.setflags(write=False)
        object.__setattr__(self, "anchors", anchors)
        if len(self.scales) != 4:
            raise ValueError(
                f"`scales` must be those of x, y, width and height. Received: {self.scales!r}."
            )
        for scale in self.scales:
            check_positive("scales", scale)


OutputMetadata = (
    ClassifierMetadata
    | EmbedderMetadata
    | SegmenterMetadata
    | DetectorMetadata
    | AnchorDetectorMetadata
)
