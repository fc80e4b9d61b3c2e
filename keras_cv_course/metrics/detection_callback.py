"""Average precision while a detector is trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_cv_course._validation import check_whole
from keras_cv_course.metrics.coco_ap import coco_average_precision
from keras_cv_course.metrics.detections import Truth
from keras_cv_course.metrics.voc_ap import voc_average_precision

Detect = Callable[[Sequence[np.ndarray]], Sequence[Mapping[str, Any]]]
_IMAGES_AT_ONCE = 16


def detection_metrics(
    detect: Detect,
    samples: Iterable[tuple[np.ndarray, Truth]],
    class_names: Sequence[str],
) -> dict[str, float]:
    """Returns COCO's and VOC's numbers of a detector on labelled images.

    Args:
        detect: Takes a list of images, uint8 `(height, width, 3)` of any sizes, and returns for
            each a dict of "boxes" `(n, 4)` xyxy in its pixels, "scores" and "classes" `(n,)`.
        samples: Images and what is in them.
        class_names: Names of the classes, by label.

    Returns:
        The numbers of `coco_average_precision`, and of `voc_average_precision` "VOC07" (11 points)
        and "VOC12" (area), both at an IoU of 0.5.

    Raises:
        ValueError: If there is no sample, or `detect` returns another number of dicts.

    Example:
        >>> detection_metrics(Detector(model).predict, annotations.samples(), names)["AP50"]
    """
    truths: list[Truth] = []
    detections: list[Mapping[str, Any]] = []
    waiting: list[np.ndarray] = []
    for image, truth in samples:
        waiting.append(image)
        truths.append(truth)
        if len(waiting) == _IMAGES_AT_ONCE:
            detections += detect(waiting)
            waiting = []
    if waiting:
        detections += detect(waiting)
    result = coco_average_precision(truths, detections, class_names)
    for name, kind in (("VOC07", "11_points"), ("VOC12", "area")):
        result[name] = voc_average_precision(truths, detections, class_names, kind=kind)["mAP"]
    return result


class AveragePrecision(keras.callbacks.Callback):
    """Adds the average precision on held-out images to the logs of an epoch.

    Put it before callbacks that read the logs, as ModelCheckpoint with `monitor="val_AP50"`.

    Args:
        detect: As in `detection_metrics`; it must use the weights of the model in training.
        samples: Called before each evaluation, returns images and what is in them.
        class_names: Names of the classes, by label.
        every: Epochs from one evaluation to the next. In the epochs between, the values in the
            logs are NaN.
        names: Which numbers of `detection_metrics` go into the logs, as "val_<name>".

    Raises:
        ValueError: If `every` is not above 0.

    Example:
        >>> scores = AveragePrecision(Detector(model).predict, val.samples, val.class_names)
        >>> model.fit(train, epochs=20, shuffle=False, callbacks=[scores])
    """

    def __init__(
        self,
        detect: Detect,
        samples: Callable[[], Iterable[tuple[np.ndarray, Truth]]],
        class_names: Sequence[str],
        every: int = 1,
        names: Sequence[str] = ("AP", "AP50"),
    ) -> None:
        super().__init__()
        check_whole("every", every)
        self.detect = detect
        self.samples = samples
        self.class_names = tuple(class_names)
        self.every = every
        self.names = tuple(names)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluates if it is time, and writes into the logs."""
        values = dict.fromkeys(self.names, float("nan"))
        if (epoch + 1) % self.every == 0:
            metrics = detection_metrics(self.detect, self.samples(), self.class_names)
            values = {name: metrics[name] for name in self.names}
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in values.items()})
