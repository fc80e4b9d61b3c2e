"""Mobile vision networks on Keras 3, from `model.fit` to a .tflite file that is proven right.

The package is lazy: importing it costs next to nothing, and a name below is imported on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_cv_course.backbones.darknet import Darknet19, Darknet53
    from keras_cv_course.backbones.efficientnet import (
        EfficientNet,
        EfficientNetB0,
        EfficientNetB1,
        EfficientNetB2,
        EfficientNetB3,
        EfficientNetB4,
        EfficientNetB5,
        EfficientNetB6,
        EfficientNetB7,
        EfficientNetL2,
    )
    from keras_cv_course.backbones.efficientnet_lite import (
        EfficientNetLite,
        EfficientNetLite0,
        EfficientNetLite1,
        EfficientNetLite2,
        EfficientNetLite3,
        EfficientNetLite4,
    )
    from keras_cv_course.backbones.mobilenet import MobileNet
    from keras_cv_course.backbones.mobilenet_v2 import MobileNetV2
    from keras_cv_course.backbones.mobilenet_v3 import MobileNetV3Large, MobileNetV3Small
    from keras_cv_course.detectors.detector import Detector
    from keras_cv_course.detectors.localizer import Localizer
    from keras_cv_course.detectors.retinanet import RetinaNet
    from keras_cv_course.detectors.ssd import SSD300, SSDLite
    from keras_cv_course.detectors.yolo import YOLO, YOLOv2, YOLOv2Tiny, YOLOv3, YOLOv3Tiny
    from keras_cv_course.detectors.yolo_v1 import YOLOv1, YOLOv1Tiny
    from keras_cv_course.faces.encoder import FaceEncoder, SiameseEncoder
    from keras_cv_course.faces.mobile_face_net import MobileFaceNet
    from keras_cv_course.faces.siamese import SiameseNetwork
    from keras_cv_course.networks.complexity import Complexity, complexity
    from keras_cv_course.networks.feature_maps import feature_maps
    from keras_cv_course.networks.loading import load_model
    from keras_cv_course.ops.scaling import Scaling, compound_scaling
    from keras_cv_course.registry import build_model, list_models

__version__ = "0.1.0"

_BACKBONES = {
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Small", "MobileNetV3Large"),
    "efficientnet": ("EfficientNet", *(f"EfficientNetB{i}" for i in range(8)), "EfficientNetL2"),
    "efficientnet_lite": ("EfficientNetLite", *(f"EfficientNetLite{i}" for i in range(5))),
    "darknet": ("Darknet19", "Darknet53"),
}
_DETECTORS = {
    "localizer": ("Localizer",),
    "retinanet": ("RetinaNet",),
    "ssd": ("SSD300", "SSDLite"),
    "yolo": ("YOLO", "YOLOv2", "YOLOv2Tiny", "YOLOv3", "YOLOv3Tiny"),
    "yolo_v1": ("YOLOv1", "YOLOv1Tiny"),
}
_HOMES = {
    **{name: f"backbones.{module}" for module, names in _BACKBONES.items() for name in names},
    **{name: f"detectors.{module}" for module, names in _DETECTORS.items() for name in names},
    "Complexity": "networks.complexity",
    "Detector": "detectors.detector",
    "FaceEncoder": "faces.encoder",
    "MobileFaceNet": "faces.mobile_face_net",
    "Scaling": "ops.scaling",
    "SiameseEncoder": "faces.encoder",
    "SiameseNetwork": "faces.siamese",
    "build_model": "registry",
    "complexity": "networks.complexity",
    "compound_scaling": "ops.scaling",
    "feature_maps": "networks.feature_maps",
    "list_models": "registry",
    "load_model": "networks.loading",
}
_SUBPACKAGES = ("data", "faces", "losses", "metrics", "quantization", "tflite", "training")

__all__ = [
    "SSD300",
    "YOLO",
    "Complexity",
    "Darknet19",
    "Darknet53",
    "Detector",
    "EfficientNet",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetL2",
    "EfficientNetLite",
    "EfficientNetLite0",
    "EfficientNetLite1",
    "EfficientNetLite2",
    "EfficientNetLite3",
    "EfficientNetLite4",
    "FaceEncoder",
    "Localizer",
    "MobileFaceNet",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "RetinaNet",
    "SSDLite",
    "Scaling",
    "SiameseEncoder",
    "SiameseNetwork",
    "YOLOv1",
    "YOLOv1Tiny",
    "YOLOv2",
    "YOLOv2Tiny",
    "YOLOv3",
    "YOLOv3Tiny",
    "build_model",
    "complexity",
    "compound_scaling",
    "feature_maps",
    "list_models",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"keras_cv_course.{name}")
    if name in _HOMES:
        # So that keras.saving.load_model finds our objects once any public name has been used.
        if name not in ("build_model", "list_models"):
            importlib.import_module("keras_cv_course.registry").import_serializable()
        return getattr(importlib.import_module(f"keras_cv_course.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'keras_cv_course' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBPACKAGES, "__version__"})
