"""The convolutions of VGG16, on which SSD300 is built."""

import keras
from keras import KerasTensor

from keras_cv_course.backbones.rows import ConvRow
from keras_cv_course.blocks.convolution import ConvStyle, conv_activation
from keras_cv_course.names import block_name, stage_name

# Column D of table 1, arXiv:1409.1556: the 3x3 convolutions of each stage.
VGG16 = (
    ConvRow(64, repeats=2),
    ConvRow(128, repeats=2),
    ConvRow(256, repeats=3),
    ConvRow(512, repeats=3),
    ConvRow(512, repeats=3),
)


def vgg16_features(image: KerasTensor, style: ConvStyle | None = None) -> dict[str, KerasTensor]:
    """Returns the outputs of VGG16's stages, before each is pooled, on an image.

    `stage4` and `stage5` are conv4_3 and conv5_3 of the paper; 14,714,688 parameters as in
    keras.applications. Pooling rounds odd sizes up, as SSD has it, so that 300 pixels give maps
    of 300, 150, 75, 38 and 19.

    Args:
        image: float tensor (batch, height, width, channels).
        style: Activation and initializer; ReLU when None.

    Reference:
        Very Deep Convolutional Networks, arXiv:1409.1556, table 1, column D.
    """
    style = style or ConvStyle("relu")
    x, maps = image, {}
    for s, row in enumerate(VGG16, 1):
        if s > 1:
            pool = keras.layers.MaxPooling2D(2, padding="same", name=f"{block_name(s, 1)}_pool")
            x = pool(x)
        for b in range(1, row.repeats + 1):
            x = conv_activation(x, row.filters, row.kernel_size, style, block_name(s, b))
        maps[stage_name(s)] = x
    return maps
