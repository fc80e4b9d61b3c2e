"""MobileFaceNet: an encoder of faces with less than a million parameters."""

import keras
from keras import KerasTensor, layers

from keras_cv_course._validation import check_rate, check_whole
from keras_cv_course.backbones.rows import Block, InvertedResidualRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn, normalize
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.names import SPEC
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.specs.model_spec import ModelSpec

_STEM_FILTERS = 64
_TOP_FILTERS = 512
# Table 1, arXiv:1804.07573.
MOBILE_FACE_NET = (
    InvertedResidualRow(64, 2, repeats=5, strides=2),
    InvertedResidualRow(128, 4, strides=2),
    InvertedResidualRow(128, 2, repeats=6),
    InvertedResidualRow(128, 4, strides=2),
    InvertedResidualRow(128, 2, repeats=2),
)
_STRIDE = 16


def MobileFaceNet(
    input_shape: tuple[int, int, int] = (112, 112, 3),
    embedding_dim: int = 128,
    batch_norm_momentum: float = 0.99,
    name: str = "mobile_face_net",
) -> keras.Model:
    """Returns a MobileFaceNet, for faces as floats in [-1, 1] (`x / 127.5 - 1`), RGB.

    It gives vectors of length 1, `(batch, embedding_dim)`. Instead of the average over the last
    feature map it learns a weight for each of its places, since in an image that is cropped to
    the face the corners matter less than the middle. There are no public weights of it to begin
    with, and a few hundred people are too few to train it well.

    Args:
        input_shape: (height, width, channels), height and width multiples of 16. The paper's
            112 x 112 is for faces that are aligned to a template.
        embedding_dim: Size of the vectors.
        batch_norm_momentum: Weight of the past in the moving statistics.
        name: Name of the model.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> MobileFaceNet().output_shape
        (None, 128)

    Reference:
        MobileFaceNets, arXiv:1804.07573, table 1. The last batch norm, which there follows the
        embedding layer, is retained; the vectors are normalized to length 1 here, which there only
        the comparison does.
    """
    check_whole("embedding_dim", embedding_dim)
    check_rate("batch_norm_momentum", batch_norm_momentum)
    _check_shape(input_shape)
    style = ConvStyle("relu", batch_norm_momentum)
    image = keras.Input(input_shape, name="image")
    x = SpecCarrier(ModelSpec(input_range=(-1.0, 1.0)), name=SPEC)(image)
    x = _prelu(conv_bn(x, _STEM_FILTERS, 3, style, "stem", strides=2), "stem")
    x = _prelu(_depthwise_bn(x, 3, style, "stem_depthwise"), "stem_depthwise")
    for block in blocks(MOBILE_FACE_NET):
        x = _bottleneck(x, block, style)
    x = _prelu(conv_bn(x, _TOP_FILTERS, 1, style, "top"), "top")
    x = _depthwise_bn(x, x.shape[1:3], style, "top_depthwise", padding="valid")
    x = conv_bn(x, embedding_dim, 1, style, "projection")
    x = layers.Reshape((embedding_dim,), name="projection_flat")(x)
    x = layers.Activation(l2_normalize, name="embedding")(x)
    return keras.Model(image, x, name=name)


def _bottleneck(x: KerasTensor, block: Block[InvertedResidualRow], style: ConvStyle) -> KerasTensor:
    """Returns the inverted residual of MobileNetV2, with PReLU for ReLU6."""
    shortcut, name, filters = x, block.name, block.row.filters
    expanded = int(block.row.expand_ratio * x.shape[-1])
    x = _prelu(conv_bn(x, expanded, 1, style, f"{name}_expand"), f"{name}_expand")
    x = _depthwise_bn(x, 3, style, f"{name}_depthwise", block.strides)
    x = _prelu(x, f"{name}_depthwise")
    x = conv_bn(x, filters, 1, style, f"{name}_project")
    if block.strides == 1 and filters == shortcut.shape[-1]:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _depthwise_bn(
    x: KerasTensor,
    kernel_size: int | tuple[int, int],
    style: ConvStyle,
    name: str,
    strides: int = 1,
    padding: str = "same",
) -> KerasTensor:
    x = layers.DepthwiseConv2D(
        kernel_size, strides=strides, padding=padding, use_bias=False, name=f"{name}_conv"
    )(x)
    return normalize(x, style, f"{name}_bn")


def _prelu(x: KerasTensor, name: str) -> KerasTensor:
    initializer = keras.initializers.Constant(0.25)
    return layers.PReLU(initializer, shared_axes=(1, 2), name=f"{name}_activation")(x)


def _check_shape(shape: tuple[int, int, int]) -> None:
    if len(shape) != 3 or any(
        not isinstance(size, int) or size < _STRIDE or size % _STRIDE for size in shape[:2]
    ):
        raise ValueError(
            "`input_shape` must be (height, width, channels), height and width known multiples of "
            f"{_STRIDE}. Received: {shape}. For example (112, 112, 3)."
        )
