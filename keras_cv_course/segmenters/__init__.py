"""Networks that name the class of each pixel; lazy, like the package."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names
from keras_cv_course.registry import builder_names, register_for

if TYPE_CHECKING:
    from keras_cv_course.segmenters.fcn import FCN8s as FCN8s
    from keras_cv_course.segmenters.fcn import FCN16s as FCN16s
    from keras_cv_course.segmenters.fcn import FCN32s as FCN32s
    from keras_cv_course.segmenters.lraspp import LRASPP as LRASPP
    from keras_cv_course.segmenters.segnet import SegNet as SegNet
    from keras_cv_course.segmenters.unet import UNet as UNet
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__, builder_names("segmenters"), before=register_for
    )
