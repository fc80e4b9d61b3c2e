"""Networks with boxes, and `Detector` around them; lazy, like the package."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names
from keras_cv_course.registry import builder_names, register_for

if TYPE_CHECKING:
    from keras_cv_course.detectors.detector import Detector as Detector
    from keras_cv_course.detectors.localizer import Localizer as Localizer
    from keras_cv_course.detectors.retinanet import RetinaNet as RetinaNet
    from keras_cv_course.detectors.ssd import SSD300 as SSD300
    from keras_cv_course.detectors.ssd import SSDLite as SSDLite
    from keras_cv_course.detectors.yolo import YOLO as YOLO
    from keras_cv_course.detectors.yolo import YOLOv2 as YOLOv2
    from keras_cv_course.detectors.yolo import YOLOv2Tiny as YOLOv2Tiny
    from keras_cv_course.detectors.yolo import YOLOv3 as YOLOv3
    from keras_cv_course.detectors.yolo import YOLOv3Tiny as YOLOv3Tiny
    from keras_cv_course.detectors.yolo_v1 import YOLOv1 as YOLOv1
    from keras_cv_course.detectors.yolo_v1 import YOLOv1Tiny as YOLOv1Tiny
else:
    _NAMES = builder_names("detectors")
    _NAMES["detector"] = ("Detector",)
    __getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES, before=register_for)
