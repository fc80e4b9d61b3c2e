"""Which targets and losses belong to a detector, by the spec that it carries."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras

from keras_cv_course.detectors.any_size import any_size as on_any_size
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.detectors.joined_heads import join_heads
from keras_cv_course.losses.anchor_boxes import AnchorBoxLoss
from keras_cv_course.losses.focal import FocalClassLoss
from keras_cv_course.losses.multibox import MultiboxClassLoss
from keras_cv_course.losses.yolo import YOLOv2Loss, YOLOv3Loss
from keras_cv_course.losses.yolo_v1 import YOLOv1Loss
from keras_cv_course.ops.target_encoding import encode_anchor_targets, encode_yolo_targets
from keras_cv_course.specs.detection import DetectionSpec


@dataclass(frozen=True)
class _Family:
    """How a family of detectors is trained in its paper.

    Attributes:
        yolo: The paper's version of YOLO; 0 for SSD and RetinaNet.
        loss: Makes the loss of classes, or of all heads of a YOLO.
        matching: Options of `encode_anchor_targets`.
        delta: Of `AnchorBoxLoss`.
    """

    loss: Callable[..., keras.losses.Loss]
    yolo: int = 0
    matching: dict[str, Any] = field(default_factory=dict)
    delta: float = 1.0


_RETINANET_MATCHING = {"positive": 0.5, "negative": 0.4, "guarantee": None}
_FAMILIES = {
    "softmax": _Family(MultiboxClassLoss),
    "sigmoid": _Family(FocalClassLoss, matching=_RETINANET_MATCHING, delta=1 / 9),
    "objectness_linear": _Family(YOLOv1Loss, yolo=1),
    "objectness_softmax": _Family(YOLOv2Loss, yolo=2),
    "objectness_sigmoid": _Family(YOLOv3Loss, yolo=3),
}


def target_encoder(spec: DetectionSpec, **options: Any) -> Callable[..., Any]:
    """Returns what makes targets of an image's boxes, for `data.with_targets`.

    Args:
        spec: That of the detector, see `detection_spec`.
        **options: Options of `encode_anchor_targets` or `encode_yolo_targets` instead of the
            family's own, e.g. `positive=0.4`.

    Example:
        >>> train = with_targets(batches, target_encoder(detection_spec(model)), (-1.0, 1.0))
    """
    family = _FAMILIES[spec.scores]
    if family.yolo:
        return partial(
            encode_yolo_targets,
            anchors=spec.anchors(),
            strides_px=spec.strides(),
            version=family.yolo,
            **options,
        )
    options = {"variances": spec.variances} | family.matching | options
    return partial(encode_anchor_targets, anchors=spec.anchors(), **options)


def compile_detector(
    model: keras.Model, optimizer: Any = "adam", any_size: bool = False, **options: Any
) -> keras.Model:
    """Returns the model to call `fit` on, compiled with the loss of the detector's family.

    It shares the layers of `model`, and so `model` is what is trained. Of SSD and RetinaNet it is
    `model` itself, unless `any_size` is set.

    Args:
        model: A detector, float or quantization-aware.
        optimizer: As `keras.Model.compile` takes it.
        any_size: Whether images of several sizes are learned from, see `detectors.any_size`;
            their targets are those of `spec_at` each.
        **options: Options of the loss instead of the family's: `MultiboxClassLoss` of SSD,
            `FocalClassLoss` of RetinaNet, `YOLOv2Loss` and so on, e.g. `box_loss="ciou"`.

    Raises:
        ValueError: If the model is not a detector, or cannot take several sizes.

    Example:
        >>> compile_detector(model, keras.optimizers.Adam(1e-3)).fit(train, epochs=20)
    """
    family = _FAMILIES[detection_spec(model).scores]
    _check_options(family.loss, options)
    trained = on_any_size(model) if any_size else model
    if family.yolo:
        trained = join_heads(trained)
        trained.compile(optimizer, family.loss(**options))
        return trained
    losses = {"boxes": AnchorBoxLoss(family.delta), "classes": family.loss(**options)}
    trained.compile(optimizer, losses)
    return trained


def _check_options(loss: Callable[..., Any], options: Mapping[str, Any]) -> None:
    known = [name for name in inspect.signature(loss).parameters if name not in ("name", "kwargs")]
    for name in options:
        if name not in known:
            raise ValueError(
                f"`{name}` is not an option of the loss of this detector, which has {known}. "
                f"Received: {options[name]!r}. Leave it out, or choose another detector."
            )
