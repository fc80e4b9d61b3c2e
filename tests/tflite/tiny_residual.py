"""A small network of each kind of residual and dense block."""

from keras_cv_course import CifarResNet, DenseNet, FractalNet, MnasNet, RegNet, ResNet, ResNetV2
from keras_cv_course.backbones.cifar_resnet import cifar_rows
from keras_cv_course.backbones.mnasnet import MNASNET_A1
from keras_cv_course.backbones.regnet import Design
from keras_cv_course.backbones.resnet import basic_rows, bottleneck_rows
from keras_cv_course.backbones.resnet_v2 import resnet_v2_rows

_GROUPED = {"groups": 8, "group_width": 8}
# Builder, size of the input, options.
TINY = {
    "basic": (ResNet, 48, {"rows": basic_rows(1, 2), "alpha": 0.25}),
    "bottleneck": (ResNet, 49, {"rows": bottleneck_rows(1, 2), "variant": "v1", "alpha": 0.25}),
    "resnet_d": (ResNet, 48, {"rows": bottleneck_rows(1, 2), "variant": "d", "alpha": 0.25}),
    "grouped": (ResNet, 48, {"rows": bottleneck_rows(1, 2, **_GROUPED), "alpha": 0.25}),
    "squeezed": (ResNet, 48, {"rows": basic_rows(1, 2, squeeze=True), "alpha": 0.25}),
    "preactivated": (ResNetV2, 49, {"rows": resnet_v2_rows(2, 2), "alpha": 0.125}),
    "dense": (DenseNet, 48, {"repeats": (2, 2), "growth_rate": 8}),
    "regnet": (RegNet, 48, {"design": Design(3, 16, 12.0, 2.0, 8, True)}),
    "cifar": (CifarResNet, 16, {"rows": cifar_rows(1), "form": "mlperf_tiny"}),
    "fractal": (FractalNet, 16, {"filters": (8, 16), "columns": 2}),
    "mnasnet": (MnasNet, 48, {"rows": MNASNET_A1[:3], "alpha": 0.5}),
}


def tiny(name):
    """A network of ten classes that gives logits, and its size."""
    builder, size_px, options = TINY[name]
    shape = (size_px, size_px, 3)
    return builder(input_shape=shape, classes=10, classifier_activation=None, **options)
