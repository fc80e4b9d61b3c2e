"""Wide ResNet for ImageNet: ResNet with more channels inside its bottlenecks."""

from keras_cv_course.backbones._published import published
from keras_cv_course.backbones.resnet import ResNet, bottleneck_rows

# Section 3.1, arXiv:1605.07146, table 8: bottlenecks of twice the width.
WIDE_RESNET50_2 = bottleneck_rows(3, 4, 6, 3, group_width=128)
WIDE_RESNET101_2 = bottleneck_rows(3, 4, 23, 3, group_width=128)

WideResNet50x2 = published(
    ResNet, "wide_resnet50_2", "a ResNet of 50 layers, twice as wide", rows=WIDE_RESNET50_2
)
WideResNet101x2 = published(
    ResNet, "wide_resnet101_2", "a ResNet of 101 layers, twice as wide", rows=WIDE_RESNET101_2
)
