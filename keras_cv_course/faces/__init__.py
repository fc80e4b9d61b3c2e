"""Faces: do two images show one person, whose face is it, and what can be said of it.

Lazy, so that a gallery or a report needs no TensorFlow.
"""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names

if TYPE_CHECKING:
    from keras_cv_course.faces.age_gender import AgeGenderNetwork as AgeGenderNetwork
    from keras_cv_course.faces.alignment import align_face as align_face
    from keras_cv_course.faces.alignment import five_of_68 as five_of_68
    from keras_cv_course.faces.analysis import Attribute as Attribute
    from keras_cv_course.faces.analysis import FaceAnalyzer as FaceAnalyzer
    from keras_cv_course.faces.bootstrap import bootstrap_interval as bootstrap_interval
    from keras_cv_course.faces.dense_face_networks import (
        FaceExpressionNetwork as FaceExpressionNetwork,
    )
    from keras_cv_course.faces.dense_face_networks import FaceLandmarkNetwork as FaceLandmarkNetwork
    from keras_cv_course.faces.detection import Face as Face
    from keras_cv_course.faces.detection import cut_out as cut_out
    from keras_cv_course.faces.detection import find_face as find_face
    from keras_cv_course.faces.detection import haar_detector as haar_detector
    from keras_cv_course.faces.detection import yunet_detector as yunet_detector
    from keras_cv_course.faces.dlib_chips import dlib_chip as dlib_chip
    from keras_cv_course.faces.dlib_encoder import DlibFaceEncoder as DlibFaceEncoder
    from keras_cv_course.faces.encoder import FaceEncoder as FaceEncoder
    from keras_cv_course.faces.encoder import SiameseEncoder as SiameseEncoder
    from keras_cv_course.faces.encoder import face_maps as face_maps
    from keras_cv_course.faces.face_detectors import SSDFaceDetector as SSDFaceDetector
    from keras_cv_course.faces.face_detectors import TinyYOLOFaceDetector as TinyYOLOFaceDetector
    from keras_cv_course.faces.gallery import FaceGallery as FaceGallery
    from keras_cv_course.faces.gallery import Identification as Identification
    from keras_cv_course.faces.gallery import Match as Match
    from keras_cv_course.faces.head_pose import head_pose as head_pose
    from keras_cv_course.faces.landmark_finder import find_landmarks as find_landmarks
    from keras_cv_course.faces.mobile_face_net import MobileFaceNet as MobileFaceNet
    from keras_cv_course.faces.multitask import MultitaskFaceNetwork as MultitaskFaceNetwork
    from keras_cv_course.faces.multitask_training import age_loss as age_loss
    from keras_cv_course.faces.multitask_training import compile_arguments as compile_arguments
    from keras_cv_course.faces.network_detection import network_detector as network_detector
    from keras_cv_course.faces.open_set import OpenSetReport as OpenSetReport
    from keras_cv_course.faces.open_set import open_set_report as open_set_report
    from keras_cv_course.faces.photographs import FaceReader as FaceReader
    from keras_cv_course.faces.photographs import read_photograph as read_photograph
    from keras_cv_course.faces.projection import fit_projection as fit_projection
    from keras_cv_course.faces.recognizer import FaceComparison as FaceComparison
    from keras_cv_course.faces.recognizer import FaceRecognizer as FaceRecognizer
    from keras_cv_course.faces.recognizer import pretrained_recognizer as pretrained_recognizer
    from keras_cv_course.faces.recognizer import verify as verify
    from keras_cv_course.faces.siamese import SiameseNetwork as SiameseNetwork
    from keras_cv_course.faces.tasks import Age as Age
    from keras_cv_course.faces.tasks import Detection as Detection
    from keras_cv_course.faces.tasks import Gender as Gender
    from keras_cv_course.faces.tasks import Identity as Identity
    from keras_cv_course.faces.tasks import Landmarks as Landmarks
    from keras_cv_course.faces.tasks import Pose as Pose
    from keras_cv_course.faces.tasks import Smile as Smile
    from keras_cv_course.faces.tasks import label_sizes as label_sizes
    from keras_cv_course.faces.verification import FaceVerifier as FaceVerifier
    from keras_cv_course.faces.verification import Verification as Verification
    from keras_cv_course.faces.verification import choose_threshold as choose_threshold
    from keras_cv_course.faces.verification_report import VerificationReport as VerificationReport
    from keras_cv_course.faces.verification_report import verification_report as verification_report
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "age_gender": ("AgeGenderNetwork",),
            "alignment": ("align_face", "five_of_68"),
            "analysis": ("Attribute", "FaceAnalyzer"),
            "bootstrap": ("bootstrap_interval",),
            "dense_face_networks": ("FaceExpressionNetwork", "FaceLandmarkNetwork"),
            "detection": ("Face", "cut_out", "find_face", "haar_detector", "yunet_detector"),
            "dlib_chips": ("dlib_chip",),
            "dlib_encoder": ("DlibFaceEncoder",),
            "encoder": ("FaceEncoder", "SiameseEncoder", "face_maps"),
            "face_detectors": ("SSDFaceDetector", "TinyYOLOFaceDetector"),
            "gallery": ("FaceGallery", "Identification", "Match"),
            "head_pose": ("head_pose",),
            "landmark_finder": ("find_landmarks",),
            "mobile_face_net": ("MobileFaceNet",),
            "multitask": ("MultitaskFaceNetwork",),
            "multitask_training": ("age_loss", "compile_arguments"),
            "network_detection": ("network_detector",),
            "open_set": ("OpenSetReport", "open_set_report"),
            "photographs": ("FaceReader", "read_photograph"),
            "projection": ("fit_projection",),
            "recognizer": ("FaceComparison", "FaceRecognizer", "pretrained_recognizer", "verify"),
            "siamese": ("SiameseNetwork",),
            "tasks": (
                "Age",
                "Detection",
                "Gender",
                "Identity",
                "Landmarks",
                "Pose",
                "Smile",
                "label_sizes",
            ),
            "verification": ("FaceVerifier", "Verification", "choose_threshold"),
            "verification_report": ("VerificationReport", "verification_report"),
        },
    )
