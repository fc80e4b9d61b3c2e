"""Faces: are two pictures of one person, and whose face is it."""

from keras_cv_course.faces.encoder import FaceEncoder, SiameseEncoder
from keras_cv_course.faces.mobile_face_net import MobileFaceNet
from keras_cv_course.faces.siamese import SiameseNetwork

__all__ = [
    "FaceEncoder",
    "MobileFaceNet",
    "SiameseEncoder",
    "SiameseNetwork",
]
