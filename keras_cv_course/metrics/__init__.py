"""Metrics that Keras lacks."""

from keras_cv_course.metrics.age import AgeError
from keras_cv_course.metrics.bootstrap import Difference, paired_bootstrap
from keras_cv_course.metrics.coco_ap import coco_average_precision
from keras_cv_course.metrics.detection_callback import AveragePrecision, detection_metrics
from keras_cv_course.metrics.detection_confusion import detection_confusion
from keras_cv_course.metrics.detections import Truth
from keras_cv_course.metrics.landmarks import normalized_mean_error
from keras_cv_course.metrics.masked import MaskedMetric
from keras_cv_course.metrics.voc_ap import precision_recall, voc_average_precision

__all__ = [
    "AgeError",
    "AveragePrecision",
    "Difference",
    "MaskedMetric",
    "Truth",
    "coco_average_precision",
    "detection_confusion",
    "detection_metrics",
    "normalized_mean_error",
    "paired_bootstrap",
    "precision_recall",
    "voc_average_precision",
]
