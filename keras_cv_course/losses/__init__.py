"""Losses that Keras lacks."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names
from keras_cv_course.registry import register_for

if TYPE_CHECKING:
    from keras_cv_course.losses.age import AgeLoss as AgeLoss
    from keras_cv_course.losses.age import AgeLossSchedule as AgeLossSchedule
    from keras_cv_course.losses.anchor_boxes import AnchorBoxLoss as AnchorBoxLoss
    from keras_cv_course.losses.contrastive import ContrastiveLoss as ContrastiveLoss
    from keras_cv_course.losses.focal import FocalClassLoss as FocalClassLoss
    from keras_cv_course.losses.landmarks import LandmarkLoss as LandmarkLoss
    from keras_cv_course.losses.margin_softmax import ArcFace as ArcFace
    from keras_cv_course.losses.margin_softmax import CosFace as CosFace
    from keras_cv_course.losses.masked import MaskedLoss as MaskedLoss
    from keras_cv_course.losses.multibox import MultiboxClassLoss as MultiboxClassLoss
    from keras_cv_course.losses.segmentation import SegmentationLoss as SegmentationLoss
    from keras_cv_course.losses.triplet import TripletSemiHardLoss as TripletSemiHardLoss
    from keras_cv_course.losses.yolo import YOLOv2Loss as YOLOv2Loss
    from keras_cv_course.losses.yolo import YOLOv3Loss as YOLOv3Loss
    from keras_cv_course.losses.yolo_v1 import YOLOv1Loss as YOLOv1Loss
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "age": ("AgeLoss", "AgeLossSchedule"),
            "anchor_boxes": ("AnchorBoxLoss",),
            "contrastive": ("ContrastiveLoss",),
            "focal": ("FocalClassLoss",),
            "landmarks": ("LandmarkLoss",),
            "margin_softmax": ("ArcFace", "CosFace"),
            "masked": ("MaskedLoss",),
            "multibox": ("MultiboxClassLoss",),
            "segmentation": ("SegmentationLoss",),
            "triplet": ("TripletSemiHardLoss",),
            "yolo": ("YOLOv2Loss", "YOLOv3Loss"),
            "yolo_v1": ("YOLOv1Loss",),
        },
        before=register_for,
    )
