"""The public place to import every builder from; lazy, like the package."""

from typing import TYPE_CHECKING

from keras_cv_course import backbones, detectors, segmenters
from keras_cv_course._lazy import lazy_names

if TYPE_CHECKING:
    from keras_cv_course.backbones import *  # noqa: F403
    from keras_cv_course.detectors import *  # noqa: F403
    from keras_cv_course.faces import AgeGenderNetwork as AgeGenderNetwork
    from keras_cv_course.faces import DlibFaceEncoder as DlibFaceEncoder
    from keras_cv_course.faces import FaceEncoder as FaceEncoder
    from keras_cv_course.faces import FaceExpressionNetwork as FaceExpressionNetwork
    from keras_cv_course.faces import FaceLandmarkNetwork as FaceLandmarkNetwork
    from keras_cv_course.faces import MobileFaceNet as MobileFaceNet
    from keras_cv_course.faces import MultitaskFaceNetwork as MultitaskFaceNetwork
    from keras_cv_course.faces import SiameseEncoder as SiameseEncoder
    from keras_cv_course.faces import SiameseNetwork as SiameseNetwork
    from keras_cv_course.faces import SSDFaceDetector as SSDFaceDetector
    from keras_cv_course.faces import TinyYOLOFaceDetector as TinyYOLOFaceDetector
    from keras_cv_course.segmenters import *  # noqa: F403
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            ".backbones": backbones.__all__,
            ".detectors": detectors.__all__,
            ".faces": (
                "AgeGenderNetwork",
                "DlibFaceEncoder",
                "FaceEncoder",
                "FaceExpressionNetwork",
                "FaceLandmarkNetwork",
                "MobileFaceNet",
                "MultitaskFaceNetwork",
                "SSDFaceDetector",
                "SiameseEncoder",
                "SiameseNetwork",
                "TinyYOLOFaceDetector",
            ),
            ".segmenters": segmenters.__all__,
        },
    )
