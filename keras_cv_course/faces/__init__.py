"""Faces: are two pictures of one person, and whose face is it."""

from keras_cv_course.faces.bootstrap import bootstrap_interval
from keras_cv_course.faces.encoder import FaceEncoder, SiameseEncoder
from keras_cv_course.faces.mobile_face_net import MobileFaceNet
from keras_cv_course.faces.siamese import SiameseNetwork
from keras_cv_course.faces.verification import FaceVerifier, Verification, choose_threshold
from keras_cv_course.faces.verification_report import VerificationReport, verification_report

__all__ = [
    "FaceEncoder",
    "FaceVerifier",
    "MobileFaceNet",
    "SiameseEncoder",
    "SiameseNetwork",
    "Verification",
    "VerificationReport",
    "bootstrap_interval",
    "choose_threshold",
    "verification_report",
]
