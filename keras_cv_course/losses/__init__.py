"""Losses that Keras lacks."""

from keras_cv_course.losses.age import AgeLoss, AgeLossSchedule
from keras_cv_course.losses.anchor_boxes import AnchorBoxLoss
from keras_cv_course.losses.contrastive import ContrastiveLoss
from keras_cv_course.losses.focal import FocalClassLoss
from keras_cv_course.losses.landmarks import LandmarkLoss
from keras_cv_course.losses.margin_softmax import ArcFace, CosFace
from keras_cv_course.losses.masked import MaskedLoss
from keras_cv_course.losses.multibox import MultiboxClassLoss
from keras_cv_course.losses.triplet import TripletSemiHardLoss
from keras_cv_course.losses.yolo import YOLOv2Loss, YOLOv3Loss
from keras_cv_course.losses.yolo_v1 import YOLOv1Loss

__all__ = [
    "AgeLoss",
    "AgeLossSchedule",
    "AnchorBoxLoss",
    "ArcFace",
    "ContrastiveLoss",
    "CosFace",
    "FocalClassLoss",
    "LandmarkLoss",
    "MaskedLoss",
    "MultiboxClassLoss",
    "TripletSemiHardLoss",
    "YOLOv1Loss",
    "YOLOv2Loss",
    "YOLOv3Loss",
]
