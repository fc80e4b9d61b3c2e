"""Metrics that Keras lacks."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names
from keras_cv_course.registry import register_for

if TYPE_CHECKING:
    from keras_cv_course.metrics.age import AgeError as AgeError
    from keras_cv_course.metrics.bootstrap import Difference as Difference
    from keras_cv_course.metrics.bootstrap import paired_bootstrap as paired_bootstrap
    from keras_cv_course.metrics.coco_ap import coco_average_precision as coco_average_precision
    from keras_cv_course.metrics.detection_callback import AveragePrecision as AveragePrecision
    from keras_cv_course.metrics.detection_callback import detection_metrics as detection_metrics
    from keras_cv_course.metrics.detection_confusion import (
        detection_confusion as detection_confusion,
    )
    from keras_cv_course.metrics.detections import Truth as Truth
    from keras_cv_course.metrics.landmarks import normalized_mean_error as normalized_mean_error
    from keras_cv_course.metrics.masked import MaskedMetric as MaskedMetric
    from keras_cv_course.metrics.segmentation import SegmentationScores as SegmentationScores
    from keras_cv_course.metrics.segmentation import boundary_f1 as boundary_f1
    from keras_cv_course.metrics.segmentation import pixel_confusion as pixel_confusion
    from keras_cv_course.metrics.segmentation import segmentation_scores as segmentation_scores
    from keras_cv_course.metrics.voc_ap import precision_recall as precision_recall
    from keras_cv_course.metrics.voc_ap import voc_average_precision as voc_average_precision
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "age": ("AgeError",),
            "bootstrap": ("Difference", "paired_bootstrap"),
            "coco_ap": ("coco_average_precision",),
            "detection_callback": ("AveragePrecision", "detection_metrics"),
            "detection_confusion": ("detection_confusion",),
            "detections": ("Truth",),
            "landmarks": ("normalized_mean_error",),
            "masked": ("MaskedMetric",),
            "segmentation": (
                "SegmentationScores",
                "boundary_f1",
                "pixel_confusion",
                "segmentation_scores",
            ),
            "voc_ap": ("precision_recall", "voc_average_precision"),
        },
        before=register_for,
    )
