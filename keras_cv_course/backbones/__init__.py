"""Classifiers and backbones, a family a module; imported lazily, like the package."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names
from keras_cv_course.registry import builder_names, register_for

if TYPE_CHECKING:
    from keras_cv_course.backbones.alexnet import AlexNet as AlexNet
    from keras_cv_course.backbones.alexnet import AlexNetSingleTower as AlexNetSingleTower
    from keras_cv_course.backbones.bit import BiT as BiT
    from keras_cv_course.backbones.bit import BiTR50x1 as BiTR50x1
    from keras_cv_course.backbones.bit import BiTR50x3 as BiTR50x3
    from keras_cv_course.backbones.bit import BiTR101x1 as BiTR101x1
    from keras_cv_course.backbones.bit import BiTR101x3 as BiTR101x3
    from keras_cv_course.backbones.bit import BiTR152x2 as BiTR152x2
    from keras_cv_course.backbones.bit import BiTR152x4 as BiTR152x4
    from keras_cv_course.backbones.cifar_resnet import CifarResNet as CifarResNet
    from keras_cv_course.backbones.cifar_resnet import ResNet8 as ResNet8
    from keras_cv_course.backbones.cifar_resnet import ResNet20 as ResNet20
    from keras_cv_course.backbones.cifar_resnet import ResNet32 as ResNet32
    from keras_cv_course.backbones.cifar_resnet import ResNet44 as ResNet44
    from keras_cv_course.backbones.cifar_resnet import ResNet56 as ResNet56
    from keras_cv_course.backbones.cifar_resnet import ResNet110 as ResNet110
    from keras_cv_course.backbones.cifar_resnet import WideResNet as WideResNet
    from keras_cv_course.backbones.darknet import Darknet19 as Darknet19
    from keras_cv_course.backbones.darknet import Darknet53 as Darknet53
    from keras_cv_course.backbones.densenet import DenseNet as DenseNet
    from keras_cv_course.backbones.densenet import DenseNet121 as DenseNet121
    from keras_cv_course.backbones.densenet import DenseNet169 as DenseNet169
    from keras_cv_course.backbones.densenet import DenseNet201 as DenseNet201
    from keras_cv_course.backbones.densenet import DenseNet264 as DenseNet264
    from keras_cv_course.backbones.densenet import DenseNetBC as DenseNetBC
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
    from keras_cv_course.backbones.fractalnet import FractalNet as FractalNet
    from keras_cv_course.backbones.googlenet import GoogLeNet as GoogLeNet
    from keras_cv_course.backbones.inception import InceptionV3 as InceptionV3
    from keras_cv_course.backbones.inception import InceptionV4 as InceptionV4
    from keras_cv_course.backbones.lenet import LeNet5 as LeNet5
    from keras_cv_course.backbones.mnasnet import MnasNet as MnasNet
    from keras_cv_course.backbones.mnasnet import MnasNetA1 as MnasNetA1
    from keras_cv_course.backbones.mnasnet import MnasNetB1 as MnasNetB1
    from keras_cv_course.backbones.mobilenet import MobileNet as MobileNet
    from keras_cv_course.backbones.mobilenet_v2 import MobileNetV2 as MobileNetV2
    from keras_cv_course.backbones.mobilenet_v3 import MobileNetV3Large as MobileNetV3Large
    from keras_cv_course.backbones.mobilenet_v3 import MobileNetV3Small as MobileNetV3Small
    from keras_cv_course.backbones.regnet import RegNet as RegNet
    from keras_cv_course.backbones.regnet import RegNetX002 as RegNetX002
    from keras_cv_course.backbones.regnet import RegNetX004 as RegNetX004
    from keras_cv_course.backbones.regnet import RegNetX006 as RegNetX006
    from keras_cv_course.backbones.regnet import RegNetX008 as RegNetX008
    from keras_cv_course.backbones.regnet import RegNetX016 as RegNetX016
    from keras_cv_course.backbones.regnet import RegNetX032 as RegNetX032
    from keras_cv_course.backbones.regnet import RegNetX040 as RegNetX040
    from keras_cv_course.backbones.regnet import RegNetX064 as RegNetX064
    from keras_cv_course.backbones.regnet import RegNetX080 as RegNetX080
    from keras_cv_course.backbones.regnet import RegNetX120 as RegNetX120
    from keras_cv_course.backbones.regnet import RegNetX160 as RegNetX160
    from keras_cv_course.backbones.regnet import RegNetX320 as RegNetX320
    from keras_cv_course.backbones.regnet import RegNetY002 as RegNetY002
    from keras_cv_course.backbones.regnet import RegNetY004 as RegNetY004
    from keras_cv_course.backbones.regnet import RegNetY006 as RegNetY006
    from keras_cv_course.backbones.regnet import RegNetY008 as RegNetY008
    from keras_cv_course.backbones.regnet import RegNetY016 as RegNetY016
    from keras_cv_course.backbones.regnet import RegNetY032 as RegNetY032
    from keras_cv_course.backbones.regnet import RegNetY040 as RegNetY040
    from keras_cv_course.backbones.regnet import RegNetY064 as RegNetY064
    from keras_cv_course.backbones.regnet import RegNetY080 as RegNetY080
    from keras_cv_course.backbones.regnet import RegNetY120 as RegNetY120
    from keras_cv_course.backbones.regnet import RegNetY160 as RegNetY160
    from keras_cv_course.backbones.regnet import RegNetY320 as RegNetY320
    from keras_cv_course.backbones.resnet import ResNet as ResNet
    from keras_cv_course.backbones.resnet import ResNet18 as ResNet18
    from keras_cv_course.backbones.resnet import ResNet34 as ResNet34
    from keras_cv_course.backbones.resnet import ResNet50 as ResNet50
    from keras_cv_course.backbones.resnet import ResNet50D as ResNet50D
    from keras_cv_course.backbones.resnet import ResNet101 as ResNet101
    from keras_cv_course.backbones.resnet import ResNet152 as ResNet152
    from keras_cv_course.backbones.resnet import ResNet200 as ResNet200
    from keras_cv_course.backbones.resnet_v2 import ResNet50V2 as ResNet50V2
    from keras_cv_course.backbones.resnet_v2 import ResNet101V2 as ResNet101V2
    from keras_cv_course.backbones.resnet_v2 import ResNet152V2 as ResNet152V2
    from keras_cv_course.backbones.resnet_v2 import ResNetV2 as ResNetV2
    from keras_cv_course.backbones.resnext import ResNeXt50x32x4d as ResNeXt50x32x4d
    from keras_cv_course.backbones.resnext import ResNeXt101x2x64d as ResNeXt101x2x64d
    from keras_cv_course.backbones.resnext import ResNeXt101x32x4d as ResNeXt101x32x4d
    from keras_cv_course.backbones.resnext import ResNeXt101x32x8d as ResNeXt101x32x8d
    from keras_cv_course.backbones.resnext import ResNeXt101x64x4d as ResNeXt101x64x4d
    from keras_cv_course.backbones.senet import SENet154 as SENet154
    from keras_cv_course.backbones.senet import SEResNet18 as SEResNet18
    from keras_cv_course.backbones.senet import SEResNet50 as SEResNet50
    from keras_cv_course.backbones.senet import SEResNet101 as SEResNet101
    from keras_cv_course.backbones.senet import SEResNet152 as SEResNet152
    from keras_cv_course.backbones.senet import SEResNeXt50x32x4d as SEResNeXt50x32x4d
    from keras_cv_course.backbones.senet import SEResNeXt101x32x4d as SEResNeXt101x32x4d
    from keras_cv_course.backbones.vgg import VGG as VGG
    from keras_cv_course.backbones.vgg import VGG11 as VGG11
    from keras_cv_course.backbones.vgg import VGG13 as VGG13
    from keras_cv_course.backbones.vgg import VGG16 as VGG16
    from keras_cv_course.backbones.vgg import VGG19 as VGG19
    from keras_cv_course.backbones.wide_resnet import WideResNet50x2 as WideResNet50x2
    from keras_cv_course.backbones.wide_resnet import WideResNet101x2 as WideResNet101x2
    from keras_cv_course.backbones.xception import Xception as Xception
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__, builder_names("backbones"), before=register_for
    )
