"""Losses of YOLOv2 and YOLOv3 on raw heads side by side, and what they share with YOLOv1."""

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from keras_cv_course._validation import check_choice, check_rate
from keras_cv_course.losses.per_match import per_match, smoothed_one_hot
from keras_cv_course.ops.box_coding import decode_yolo, encode_yolo
from keras_cv_course.ops.boxes import ciou, iou, pairwise
from keras_cv_course.ops.target_encoding import YOLO_COLUMNS

BOX_LOSSES = ("mse", "ciou")


def split_heads(y_pred: Any) -> tuple[Any, Any, Any]:
    """Returns codes, objectness and class logits of heads that `join_heads` has put together.

    Args:
        y_pred: `(n, anchors, 4 + 1 + classes)`.

    Returns:
        `(n, anchors, 4)`, `(n, anchors)` and `(n, anchors, classes)`.
    """
    return y_pred[..., :4], y_pred[..., 4], y_pred[..., 5:]


def split_targets(y_true: Any, anchors: int) -> tuple[dict[str, Any], Any, Any]:
    """Returns the columns of `encode_yolo_targets` at the anchors, and the image's boxes.

    Args:
        y_true: `(n, anchors + boxes, 12)`.
        anchors: How many rows are of anchors.

    Returns:
        The columns by name, those of one number without the last dimension; boxes
        `(n, boxes, 4)`, and `(n, boxes)`, whether they are real.
    """
    at_anchors, of_boxes = y_true[:, :anchors], y_true[:, anchors:]
    columns = {name: at_anchors[..., place] for name, place in YOLO_COLUMNS.items()}
    columns |= {name: columns[name][..., 0] for name in ("weight", "label")}
    return columns, of_boxes[..., YOLO_COLUMNS["box"]], of_boxes[..., 4] > 0


def best_overlap(predicted: Any, boxes: Any, real: Any) -> Any:
    """Returns the IoU of each predicted box with the box of the image that it overlaps most.

    Args:
        predicted: `(n, anchors, 4)` xyxy.
        boxes: `(n, boxes, 4)` xyxy.
        real: bool `(n, boxes)`.

    Returns:
        `(n, anchors)` without gradient; 0 where an image has no box.
    """
    overlaps = ops.where(real[..., None], pairwise(iou, boxes, predicted), 0.0)
    # With a row of zeros, for images of which not even padding is left.
    overlaps = ops.pad(overlaps, [(0, 0), (0, 1), (0, 0)])
    return ops.stop_gradient(ops.max(overlaps, axis=1))


class _AnchorYOLOLoss(keras.losses.Loss):
    """Sums the terms of boxes, objectness and classes, over the number of matched anchors.

    The divisor is at least the number of images: of images without boxes, all anchors say no,
    and their sum over 1 would be the largest step of all.
    """

    def __init__(
        self,
        box_loss: str,
        box_weight: float,
        ignore_iou: float,
        reduction: str | None,
        name: str,
        dtype: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_choice("box_loss", box_loss, BOX_LOSSES)
        if box_weight < 0:
            raise ValueError(f"`box_weight` must be 0 or more. Received: {box_weight!r}.")
        if not 0 < ignore_iou <= 1:
            raise ValueError(f"`ignore_iou` must be above 0, at most 1. Received: {ignore_iou!r}.")
        self.box_loss = box_loss
        self.box_weight = box_weight
        self.ignore_iou = ignore_iou

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image, `(n,)`."""
        codes, objectness, logits = split_heads(y_pred)
        targets, boxes, real = split_targets(y_true, ops.shape(y_pred)[1])
        weight = targets["weight"]
        predicted = decode_yolo(codes, targets["anchor"], targets["stride"])
        positive = ops.cast(weight > 0, codes.dtype)
        punished = (best_overlap(predicted, boxes, real) <= self.ignore_iou) & (weight <= 0)
        terms = (
            self.box_weight * weight * self._boxes(codes, predicted, targets)
            + weight * self._object_loss(objectness, predicted, targets)
            + ops.cast(punished, codes.dtype) * self._background_loss(objectness)
            + weight * self._classes(logits, targets["label"])
        )
        images = ops.cast(ops.shape(y_pred)[0], codes.dtype)
        return per_match(ops.sum(terms, axis=-1), positive, least=images)

    def _boxes(self, codes: Any, predicted: Any, targets: dict[str, Any]) -> Any:
        if self.box_loss == "ciou":
            return 1.0 - ciou(predicted, targets["box"])
        wanted = encode_yolo(targets["box"], targets["anchor"], targets["stride"])
        given = ops.concatenate([ops.sigmoid(codes[..., :2]), codes[..., 2:]], axis=-1)
        return ops.sum((given - wanted) ** 2, axis=-1) / 2

    @abstractmethod
    def _object_loss(self, objectness: Any, predicted: Any, targets: dict[str, Any]) -> Any:
        """Returns the objectness term of anchors with a box, `(n, anchors)`."""

    @abstractmethod
    def _background_loss(self, objectness: Any) -> Any:
        """Returns the objectness term of anchors without one, `(n, anchors)`."""

    @abstractmethod
    def _classes(self, logits: Any, labels: Any) -> Any:
        """Returns the class term, `(n, anchors)`."""

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {
            "box_loss": self.box_loss,
            "box_weight": self.box_weight,
            "ignore_iou": self.ignore_iou,
        }


@keras.saving.register_keras_serializable(package="keras_cv_course")
class YOLOv2Loss(_AnchorYOLOLoss):
    """Squared errors of boxes and objectness, and cross entropy of a softmax over classes.

    Targets are those of `encode_yolo_targets`; predictions the heads that `join_heads` puts side
    by side, `(n, anchors, 5 + classes)`. The target of objectness is the IoU of the predicted box,
    and 0 elsewhere, but for anchors whose prediction overlaps any box by more than `ignore_iou`.

    Args:
        box_loss: "mse", half the squared error of codes, or "ciou", 1 - CIoU.
        box_weight: Weight of the boxes.
        objectness_weight: Weight of the objectness of anchors with a box.
        ignore_iou: See above; above 0.
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> training = join_heads(model)
        >>> training.compile("adam", YOLOv2Loss())

    Reference:
        "YOLO9000: Better, Faster, Stronger", arXiv:1612.08242, section 2; the weights are those of
        the authors' configuration. Their pull of all boxes towards the anchors in the first 12,800
        images is left out.
    """

    def __init__(
        self,
        box_loss: str = "mse",
        box_weight: float = 1.0,
        objectness_weight: float = 5.0,
        ignore_iou: float = 0.6,
        reduction: str | None = "sum_over_batch_size",
        name: str = "yolo_v2_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(box_loss, box_weight, ignore_iou, reduction, name, dtype)
        if objectness_weight < 0:
            raise ValueError(
                f"`objectness_weight` must be 0 or more. Received: {objectness_weight!r}."
            )
        self.objectness_weight = objectness_weight

    def _object_loss(self, objectness: Any, predicted: Any, targets: dict[str, Any]) -> Any:
        overlap = ops.stop_gradient(iou(predicted, targets["box"]))
        return self.objectness_weight * (overlap - ops.sigmoid(objectness)) ** 2 / 2

    def _background_loss(self, objectness: Any) -> Any:
        return ops.sigmoid(objectness) ** 2 / 2

    def _classes(self, logits: Any, labels: Any) -> Any:
        one_hot = smoothed_one_hot(labels, logits.shape[-1], 0.0)
        return -ops.sum(one_hot * ops.log_softmax(logits, axis=-1), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {"objectness_weight": self.objectness_weight}


@keras.saving.register_keras_serializable(package="keras_cv_course")
class YOLOv3Loss(_AnchorYOLOLoss):
    """Squared error of boxes, and cross entropies of objectness and of each class by itself.

    Targets are those of `encode_yolo_targets`; predictions the heads that `join_heads` puts side
    by side, `(n, anchors, 5 + classes)`. The target of objectness is 1 at anchors with a box and 0
    elsewhere, but for anchors whose prediction overlaps any box by more than `ignore_iou`.

    Args:
        box_loss: "mse", half the squared error of codes, of which small boxes count up to twice
            as much as large ones, or "ciou", 1 - CIoU.
        box_weight: Weight of the boxes.
        ignore_iou: See above; above 0.
        label_smoothing: Share of the target that goes to the other classes; in [0, 1).
        reduction: As in `keras.losses.Loss`.
        name: As in `keras.losses.Loss`.
        dtype: As in `keras.losses.Loss`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> training = join_heads(model)
        >>> training.compile("adam", YOLOv3Loss(box_loss="ciou"))

    Reference:
        "YOLOv3: An Incremental Improvement", arXiv:1804.02767, sections 2.1 and 2.2. The factor
        2 - width * height, in parts of the image, is in the authors' code only.
    """

    def __init__(
        self,
        box_loss: str = "mse",
        box_weight: float = 1.0,
        ignore_iou: float = 0.5,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "yolo_v3_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(box_loss, box_weight, ignore_iou, reduction, name, dtype)
        check_rate("label_smoothing", label_smoothing)
        self.label_smoothing = label_smoothing

    def _boxes(self, codes: Any, predicted: Any, targets: dict[str, Any]) -> Any:
        error = super()._boxes(codes, predicted, targets)
        if self.box_loss == "ciou":
            return error
        anchor, box = targets["anchor"], targets["box"]
        extent = ops.max((anchor[..., :2] + anchor[..., 2:] + targets["stride"]) / 2, axis=1)
        share = ops.prod((box[..., 2:] - box[..., :2]) / extent[:, None], axis=-1)
        return (2.0 - share) * error

    def _object_loss(self, objectness: Any, predicted: Any, targets: dict[str, Any]) -> Any:
        return -ops.log_sigmoid(objectness)

    def _background_loss(self, objectness: Any) -> Any:
        return -ops.log_sigmoid(-objectness)

    def _classes(self, logits: Any, labels: Any) -> Any:
        wanted = smoothed_one_hot(labels, logits.shape[-1], self.label_smoothing)
        entropy = wanted * ops.log_sigmoid(logits) + (1.0 - wanted) * ops.log_sigmoid(-logits)
        return -ops.sum(entropy, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the loss again."""
        return super().get_config() | {"label_smoothing": self.label_smoothing}
