"""Classifiers and backbones, a family a module; imported lazily, like the package."""

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
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__, builder_names("backbones"), before=register_for
    )
