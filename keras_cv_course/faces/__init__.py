"""Faces: are two pictures of one person, whose face is it, and what can be told of it."""

from keras_cv_course.faces.analysis import Attribute, FaceAnalyzer
from keras_cv_course.faces.bootstrap import bootstrap_interval
from keras_cv_course.faces.encoder import FaceEncoder, SiameseEncoder, face_maps
from keras_cv_course.faces.head_pose import head_pose
from keras_cv_course.faces.mobile_face_net import MobileFaceNet
from keras_cv_course.faces.multitask import MultitaskFaceNetwork
from keras_cv_course.faces.multitask_training import age_loss, compile_arguments
from keras_cv_course.faces.projection import fit_projection
from keras_cv_course.faces.siamese import SiameseNetwork
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

__all__ = [
    "Age",
    "Attribute",
    "Detection",
    "FaceAnalyzer",
    "FaceEncoder",
    "FaceVerifier",
    "Gender",
    "Identity",
    "Landmarks",
    "MobileFaceNet",
    "MultitaskFaceNetwork",
    "Pose",
    "SiameseEncoder",
    "SiameseNetwork",
    "Smile",
    "Verification",
    "VerificationReport",
    "age_loss",
    "bootstrap_interval",
    "choose_threshold",
    "compile_arguments",
    "face_maps",
    "fit_projection",
    "head_pose",
    "label_sizes",
    "verification_report",
]
