"""From the codes of boxes to detections, as TFLite_Detection_PostProcess computes them."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_cv_course._validation import check_positive, check_whole

OUTPUTS = ("boxes", "classes", "scores", "count")  # in the operator's order
# (x, y, width, height) to (y, x, height, width), and xyxy to yxyx, and back.
SWAP_XY = [1, 0, 3, 2]


@keras.saving.register_keras_serializable(package="keras_cv_course")
class DetectionPostProcess(keras.layers.Layer):
    """Decodes boxes of anchors and keeps the best of each class; one operator in a .tflite.

    It must be a model's last layer, and its outputs all that the model returns. Called on a list
    of box codes `(n, anchors, 4)`, (y, x, height, width) relative to the anchors, and scores
    `(n, anchors, classes)` without a class for the background, it returns a dict of float32:

    - "boxes" `(n, max_detections, 4)`: (y_min, x_min, y_max, x_max) in parts of the image,
      the best first. They may reach over its border.
    - "classes" `(n, max_detections)`: whole numbers from 0.
    - "scores" `(n, max_detections)`.
    - "count" `(n,)`: how many are detections; behind them all is zero.

    Boxes of other classes do not suppress a box, and one anchor can be found as several classes.
    Of boxes with equal scores, the layer and the operator may keep different ones.

    Args:
        anchors: `(anchors, 4)`, (x_center, y_center, width, height) in parts of the image.
        classes: Number of classes.
        max_detections: How many boxes are returned.
        score_threshold: Boxes with a lower score are left out; in [0, 1].
        iou_threshold: Above this overlap with a better box of its class, a box is left out;
            above 0, at most 1.
        scales: Divisors of the codes' (x, y, width, height). (10, 10, 5, 5) are the variances 0.1
            and 0.2 of SSD.
        **kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is out of its range.

    Reference:
        "SSD: Single Shot MultiBox Detector", arXiv:1512.02325, equation 2; the operator
        TFLite_Detection_PostProcess of LiteRT with use_regular_nms.
    """

    # In a file it is one operator, or several that no quantizer knows.
    float_island = True
    converts_alone = True

    def __init__(
        self,
        anchors: Any,
        classes: int,
        max_detections: int = 100,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        scales: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # Coordinates need all of float32.
        self.anchors = np.asarray(anchors, np.float32)
        self.scales = tuple(float(scale) for scale in scales)
        if self.anchors.ndim != 2 or self.anchors.shape[1] != 4:
            raise ValueError(
                "`anchors` must have the shape (anchors, 4). Received: an array of shape "
                f"{self.anchors.shape}."
            )
        if len(self.scales) != 4:
            raise ValueError(f"`scales` must be four numbers. Received: {self.scales}.")
        for scale in self.scales:
            check_positive("scales", scale)
        check_whole("classes", classes)
        check_whole("max_detections", max_detections)
        check_positive("iou_threshold", iou_threshold)
        if iou_threshold > 1:
            raise ValueError(f"`iou_threshold` must be at most 1. Received: {iou_threshold}.")
        if not 0 <= score_threshold <= 1:
            raise ValueError(f"`score_threshold` must be in [0, 1]. Received: {score_threshold!r}.")
        self.classes = classes
        self.max_detections = max_detections
        self.score_threshold = score_threshold
        self.iou_threshold = iou_threshold
        self.supports_jit = False  # XLA has no non-maximum suppression.

    def build(self, input_shape: Sequence[Sequence[int | None]]) -> None:
        """Checks the sizes of codes and scores."""
        expected = [(len(self.anchors), 4), (len(self.anchors), self.classes)]
        received = [tuple(shape[1:]) for shape in input_shape]
        if received != expected:
            raise ValueError(
                f"The inputs of {self.name!r} must be codes and scores of the shapes {expected}, "
                f"batch apart, for its anchors and classes. Received: {received}."
            )

    def call(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Returns the detections, see the class."""
        import tensorflow as tf

        codes, scores = (ops.cast(x, "float32") for x in inputs)
        boxes, best_scores, classes, count = tf.image.combined_non_max_suppression(
            self.decode(codes)[:, :, None],
            scores,
            max_output_size_per_class=self.max_detections,
            max_total_size=self.max_detections,
            iou_threshold=self.iou_threshold,
            score_threshold=self.threshold_below,
            clip_boxes=False,
        )
        return dict(
            zip(OUTPUTS, (boxes, classes, best_scores, ops.cast(count, "float32")), strict=True)
        )

    def decode(self, codes: Any) -> Any:
        """Returns boxes (n, anchors, 4), yxyx in parts of the image, from codes yxhw."""
        centers, sizes = self.anchors[:, :2], self.anchors[:, 2:]
        codes = ops.take(codes, SWAP_XY, axis=-1) / np.array(self.scales, np.float32)  # xywh
        centers = centers + codes[..., :2] * sizes
        half = ops.exp(codes[..., 2:]) * sizes / 2
        corners = ops.concatenate([centers - half, centers + half], axis=-1)
        return ops.take(corners, SWAP_XY, axis=-1)

    @property
    def threshold_below(self) -> float:
        """The largest number below the threshold.

        A score equal to the threshold counts for TFLite_Detection_PostProcess, and does not for
        TensorFlow's suppression.
        """
        return float(np.nextafter(np.float32(self.score_threshold), -np.inf))

    def compute_output_shape(
        self, input_shape: Sequence[Sequence[int | None]]
    ) -> dict[str, tuple[int | None, ...]]:
        """Returns the shapes of the detections."""
        batch, most = input_shape[0][0], self.max_detections
        shapes = ((batch, most, 4), (batch, most), (batch, most), (batch,))
        return dict(zip(OUTPUTS, shapes, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again."""
        return super().get_config() | {
            "anchors": self.anchors.tolist(),
            "classes": self.classes,
            "max_detections": self.max_detections,
            "score_threshold": self.score_threshold,
            "iou_threshold": self.iou_threshold,
            "scales": list(self.scales),
        }
