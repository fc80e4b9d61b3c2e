"""Classifiers and what detectors stand on, a family a module; lazy, like the package."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names
from keras_cv_course.registry import builder_names, register_for

if TYPE_CHECKING:
    from keras_cv_course.backbones.darknet import Darknet19 as Darknet19
    from keras_cv_course.backbones.darknet import Darknet53 as Darknet53
    from keras_cv_course.backbones.efficientnet import EfficientNet as EfficientNet
    from keras_cv_course.backbones.efficientnet import EfficientNetB0 as EfficientNetB0
    from keras_cv_course.backbones.efficientnet import EfficientNetB1 as EfficientNetB1
    from keras_cv_course.backbones.efficientnet import EfficientNetB2 as EfficientNetB2
    from keras_cv_course.backbones.efficientnet import EfficientNetB3 as EfficientNetB3
    from keras_cv_course.backbones.efficientnet import EfficientNetB4 as EfficientNetB4
    from keras_cv_course.backbones.efficientnet import EfficientNetB5 as EfficientNetB5
    from keras_cv_course.backbones.efficientnet import EfficientNetB6 as EfficientNetB6
    from keras_cv_course.backbones.efficientnet import EfficientNetB7 as EfficientNetB7
    from keras_cv_course.backbones.efficientnet import EfficientNetL2 as EfficientNetL2
    from keras_cv_course.backbones.efficientnet_lite import EfficientNetLite as EfficientNetLite
    from keras_cv_course.backbones.efficientnet_lite import EfficientNetLite0 as EfficientNetLite0
    from keras_cv_course.backbones.efficientnet_lite import EfficientNetLite1 as EfficientNetLite1
    from keras_cv_course.backbones.efficientnet_lite import EfficientNetLite2 as EfficientNetLite2
    from keras_cv_course.backbones.efficientnet_lite import EfficientNetLite3 as EfficientNetLite3
    from keras_cv_course.backbones.efficientnet_lite import EfficientNetLite4 as EfficientNetLite4
    from keras_cv_course.backbones.mobilenet import MobileNet as MobileNet
    from keras_cv_course.backbones.mobilenet_v2 import MobileNetV2 as MobileNetV2
    from keras_cv_course.backbones.mobilenet_v3 import MobileNetV3Large as MobileNetV3Large
    from keras_cv_course.backbones.mobilenet_v3 import MobileNetV3Small as MobileNetV3Small
    from keras_cv_course.backbones.resnet import ResNet as ResNet
    from keras_cv_course.backbones.resnet import ResNet18 as ResNet18
    from keras_cv_course.backbones.resnet import ResNet34 as ResNet34
    from keras_cv_course.backbones.resnet import ResNet50 as ResNet50
    from keras_cv_course.backbones.resnet import ResNet50D as ResNet50D
    from keras_cv_course.backbones.resnet import ResNet101 as ResNet101
    from keras_cv_course.backbones.resnet import ResNet152 as ResNet152
    from keras_cv_course.backbones.resnet import ResNet200 as ResNet200
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__, builder_names("backbones"), before=register_for
    )
