"""ResNeXt: ResNet whose 3x3 convolutions keep groups of channels apart."""

from keras_cv_course.backbones._published import published
from keras_cv_course.backbones.resnet import ResNet, bottleneck_rows

# Tables 1 and 4, arXiv:1611.05431: cardinality times width of a group. ResNet-101 1x100d is its
# peer of one group.
RESNEXT50_32X4D = bottleneck_rows(3, 4, 6, 3, groups=32, group_width=4)
RESNEXT101_32X4D = bottleneck_rows(3, 4, 23, 3, groups=32, group_width=4)
RESNEXT101_32X8D = bottleneck_rows(3, 4, 23, 3, groups=32, group_width=8)
RESNEXT101_64X4D = bottleneck_rows(3, 4, 23, 3, groups=64, group_width=4)
RESNEXT101_2X64D = bottleneck_rows(3, 4, 23, 3, groups=2, group_width=64)
RESNET101_1X100D = bottleneck_rows(3, 4, 23, 3, group_width=100)

ResNeXt50x32x4d = published(
    ResNet, "resnext50_32x4d", "a ResNeXt of 50 layers", rows=RESNEXT50_32X4D
)
ResNeXt101x32x4d = published(
    ResNet, "resnext101_32x4d", "a ResNeXt of 101 layers", rows=RESNEXT101_32X4D
)
ResNeXt101x32x8d = published(
    ResNet, "resnext101_32x8d", "a ResNeXt of 101 layers", rows=RESNEXT101_32X8D
)
ResNeXt101x64x4d = published(
    ResNet, "resnext101_64x4d", "a ResNeXt of 101 layers", rows=RESNEXT101_64X4D
)
ResNeXt101x2x64d = published(
    ResNet, "resnext101_2x64d", "a ResNeXt of 101 layers", rows=RESNEXT101_2X64D
)
