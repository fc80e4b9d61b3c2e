"""SENet: ResNet and ResNeXt with squeeze-and-excitation before each sum."""

from keras_cv_course.backbones._published import published
from keras_cv_course.backbones.resnet import ResNet, basic_rows, bottleneck_rows
from keras_cv_course.backbones.rows import BottleneckRow

# Table 1, arXiv:1709.01507.
SE_RESNET18 = basic_rows(2, 2, 2, 2, squeeze=True)
SE_RESNET50 = bottleneck_rows(3, 4, 6, 3, squeeze=True)
SE_RESNET101 = bottleneck_rows(3, 4, 23, 3, squeeze=True)
SE_RESNET152 = bottleneck_rows(3, 8, 36, 3, squeeze=True)
SE_RESNEXT50_32X4D = bottleneck_rows(3, 4, 6, 3, groups=32, group_width=4, squeeze=True)
SE_RESNEXT101_32X4D = bottleneck_rows(3, 4, 23, 3, groups=32, group_width=4, squeeze=True)
# Appendix of version 4, "SENet-154": 64 groups, and half as many channels before them as behind.
SENET154 = tuple(
    BottleneckRow(
        256 * 2**s, 256 * 2**s, 64, 128 * 2**s, True, repeats=n, strides=1 if s == 0 else 2
    )
    for s, n in enumerate((3, 8, 36, 3))
)

SEResNet18 = published(ResNet, "se_resnet18", "an SE-ResNet of 18 layers", rows=SE_RESNET18)
SEResNet50 = published(ResNet, "se_resnet50", "an SE-ResNet of 50 layers", rows=SE_RESNET50)
SEResNet101 = published(ResNet, "se_resnet101", "an SE-ResNet of 101 layers", rows=SE_RESNET101)
SEResNet152 = published(ResNet, "se_resnet152", "an SE-ResNet of 152 layers", rows=SE_RESNET152)
SEResNeXt50x32x4d = published(
    ResNet, "se_resnext50_32x4d", "an SE-ResNeXt of 50 layers", rows=SE_RESNEXT50_32X4D
)
SEResNeXt101x32x4d = published(
    ResNet, "se_resnext101_32x4d", "an SE-ResNeXt of 101 layers", rows=SE_RESNEXT101_32X4D
)
SENet154 = published(
    ResNet,
    "senet154",
    "a SENet-154",
    {"dropout_rate": 0.2},
    rows=SENET154,
    variant="senet",
)
