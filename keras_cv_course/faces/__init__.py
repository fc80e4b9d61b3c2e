"""Faces: are two pictures of one person, whose face is it, and what can be told of it.

Networks are imported on first use, so that a gallery or a report needs no TensorFlow. A function
that is called as its module is not, since the module would take its place.
"""

import importlib
from typing import TYPE_CHECKING, Any

from keras_cv_course.faces.bootstrap import bootstrap_interval
from keras_cv_course.faces.gallery import FaceGallery, Identification, Match
from keras_cv_course.faces.head_pose import head_pose
from keras_cv_course.faces.open_set import OpenSetReport, open_set_report
from keras_cv_course.faces.tasks import (
    Age,
    Detection,
    Gender,
    Identity,
    Landmarks,
    Pose,
    Smile,
    label_sizes,
)
from keras_cv_course.faces.verification import FaceVerifier, Verification, choose_threshold
from keras_cv_course.faces.verification_report import VerificationReport, verification_report

if TYPE_CHECKING:
    from keras_cv_course.data.photographs import read_photograph
    from keras_cv_course.faces.alignment import align_face, five_of_68
    from keras_cv_course.faces.analysis import Attribute, FaceAnalyzer
    from keras_cv_course.faces.detection import (
        Face,
        cut_out,
        find_face,
        haar_detector,
        yunet_detector,
    )
    from keras_cv_course.faces.encoder import FaceEncoder, SiameseEncoder, face_maps
    from keras_cv_course.faces.mobile_face_net import MobileFaceNet
    from keras_cv_course.faces.multitask import MultitaskFaceNetwork
    from keras_cv_course.faces.multitask_training import age_loss, compile_arguments
    from keras_cv_course.faces.photographs import FaceReader
    from keras_cv_course.faces.projection import fit_projection
    from keras_cv_course.faces.siamese import SiameseNetwork

_HOMES = {
    "Attribute": "analysis",
    "Face": "detection",
    "FaceAnalyzer": "analysis",
    "FaceEncoder": "encoder",
    "FaceReader": "photographs",
    "MobileFaceNet": "mobile_face_net",
    "MultitaskFaceNetwork": "multitask",
    "SiameseEncoder": "encoder",
    "SiameseNetwork": "siamese",
    "age_loss": "multitask_training",
    "align_face": "alignment",
    "compile_arguments": "multitask_training",
    "cut_out": "detection",
    "face_maps": "encoder",
    "find_face": "detection",
    "fit_projection": "projection",
    "five_of_68": "alignment",
    "haar_detector": "detection",
    "read_photograph": ".data.photographs",
    "yunet_detector": "detection",
}

__all__ = [
    "Age",
    "Attribute",
    "Detection",
    "Face",
    "FaceAnalyzer",
    "FaceEncoder",
    "FaceGallery",
    "FaceReader",
    "FaceVerifier",
    "Gender",
    "Identification",
    "Identity",
    "Landmarks",
    "Match",
    "MobileFaceNet",
    "MultitaskFaceNetwork",
    "OpenSetReport",
    "Pose",
    "SiameseEncoder",
    "SiameseNetwork",
    "Smile",
    "Verification",
    "VerificationReport",
    "age_loss",
    "align_face",
    "bootstrap_interval",
    "choose_threshold",
    "compile_arguments",
    "cut_out",
    "face_maps",
    "find_face",
    "fit_projection",
    "five_of_68",
    "haar_detector",
    "head_pose",
    "label_sizes",
    "open_set_report",
    "read_photograph",
    "verification_report",
    "yunet_detector",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'keras_cv_course.faces' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
