"""The loss of YOLOv1: squared errors alone."""

from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_positive, check_whole
from keras_cv_course.losses.per_match import per_match, smoothed_one_hot
from keras_cv_course.losses.yolo import split_heads, split_targets
from keras_cv_course.ops.box_coding import decode_yolo_v1, encode_yolo_v1
from keras_cv_course.ops.boxes import iou

# Below any IoU, and further than any two boxes of an image are apart.
_APART = 1e3


@keras.saving.register_keras_serializable(package="keras_cv_course")
class YOLOv1Loss(keras.losses.Loss):
    """Squared errors of boxes, confidences and classes, with the weights of the paper.

    Targets are those of `encode_yolo_targets(..., version=1)`; predictions the heads that
    `join_heads` puts side by side, `(n, cells * boxes_per_cell, 5 + classes)`, with the boxes of a
    cell in a row and the same classes in each.

    Of the boxes of a cell, the one that overlaps the object most is responsible: it has to be the
    object's box, and its confidence the IoU. If none overlaps it, the one whose corners are nearest
    is. The target of all others is a confidence of 0. The classes of a cell with an object are to
    be 1 for its class and 0 for the others.

    Args:
        boxes_per_cell: The paper's B.
        coordinate_weight: The paper's λ_coord.
        empty_weight: The paper's λ_noobj.
        class_softmax: Take the error of the softmax of the classes, and not of the numbers
            themselves as the authors do.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If a number is not above 0.

    Example:
        >>> training = join_heads(YOLOv1())
        >>> training.compile("sgd", YOLOv1Loss())

    Reference:
        "You Only Look Once", arXiv:1506.02640, equation 3. The paper sums over the batch; here the
        sum is over the number of objects, at least that of images. Widths and heights are
        compared by their square roots, which is what the network predicts.
    """

    def __init__(
        self,
        boxes_per_cell: int = 2,
        coordinate_weight: float = 5.0,
        empty_weight: float = 0.5,
        class_softmax: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "yolo_v1_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_whole("boxes_per_cell", boxes_per_cell)
        check_positive("coordinate_weight", coordinate_weight)
        check_positive("empty_weight", empty_weight)
        self.boxes_per_cell = boxes_per_cell
        self.coordinate_weight = coordinate_weight
        self.empty_weight = empty_weight
        self.class_softmax = class_softmax

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image, `(n,)`."""
        codes, confidence, classes = split_heads(y_pred)
        targets, _, _ = split_targets(y_true, ops.shape(y_pred)[1])
        weight = targets["weight"]
        predicted = decode_yolo_v1(codes, targets["anchor"], targets["stride"])
        wanted = encode_yolo_v1(targets["box"], targets["anchor"], targets["stride"])
        overlap = ops.stop_gradient(iou(predicted, targets["box"]))
        responsible = self._responsible(overlap, predicted, targets) * weight
        is_object = ops.cast(responsible > 0, codes.dtype)
        if self.class_softmax:
            classes = ops.softmax(classes, axis=-1)
        one_hot = smoothed_one_hot(targets["label"], classes.shape[-1], 0.0)
        class_error = ops.sum((one_hot - classes) ** 2, axis=-1) * weight
        terms = (
            self.coordinate_weight * responsible * ops.sum((codes - wanted) ** 2, axis=-1)
            + responsible * (confidence - overlap) ** 2
            + self.empty_weight * (1.0 - is_object) * confidence**2
            + class_error / self.boxes_per_cell  # They are the same numbers in each box of a cell.
        )
        images = ops.cast(ops.shape(y_pred)[0], codes.dtype)
        return per_match(ops.sum(terms, axis=-1), is_object, least=images)

    def _responsible(self, overlap: Any, predicted: Any, targets: dict[str, Any]) -> Any:
        """Returns 1 for the best box of each cell and 0 for the others, `(n, anchors)`."""
        anchor = targets["anchor"]
        extent = ops.tile(anchor[..., 2:] - anchor[..., :2], (1, 1, 2))
        apart = ops.sqrt(ops.sum(((predicted - targets["box"]) / extent) ** 2, axis=-1))
        score = ops.where(overlap > 0, overlap, -ops.minimum(apart, _APART))
        cells = ops.shape(score)[1] // self.boxes_per_cell
        by_cell = ops.reshape(score, (-1, cells, self.boxes_per_cell))
        best = ops.one_hot(ops.argmax(by_cell, axis=-1), self.boxes_per_cell, dtype=score.dtype)
        return ops.stop_gradient(ops.reshape(best, ops.shape(score)))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {
            "boxes_per_cell": self.boxes_per_cell,
            "coordinate_weight": self.coordinate_weight,
            "empty_weight": self.empty_weight,
            "class_softmax": self.class_softmax,
        }
