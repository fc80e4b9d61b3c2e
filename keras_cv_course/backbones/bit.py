"""BiT (Big Transfer): ResNet v2 with group normalization and standardized kernels."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_choice, check_positive, check_rate
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import residual_of, restyled, scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.resnet import RESNET50, RESNET101, RESNET152
from keras_cv_course.backbones.rows import BottleneckRow, blocks
from keras_cv_course.blocks.convolution import ConvStyle, activate, normalize
from keras_cv_course.blocks.padding import pad_around
from keras_cv_course.blocks.preactivation import Preactivation, preactivated_bottleneck
from keras_cv_course.names import STEM, TOP

_NORMALIZATIONS = ("group", "batch")
_UNAVAILABLE = ImageNet(unavailable="keras.applications has no BiT.")


@classifier_builder
def BiT(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[BottleneckRow, ...] = RESNET50,
    width: float = 1,
    normalization: str = "group",
    dropout_rate: float = 0.0,
    drop_connect_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a BiT of any rows and width, for images as floats in [-1, 1] (`x / 127.5 - 1`), RGB.

    Preprocessing is not inside. Feature maps have strides 2 to 32; height and width are at least
    32. Group normalization depends on no other image of a batch, which small batches of large
    images want; integer kernels lack it, so that int8 files are made with "batch".

    Args:
        input_shape: (height, width, channels). (224, 224, 3) when None, and of free size when
            `include_top` is False. Any number of channels with `weights=None`.
        rows: The stages, e.g. `RESNET101`.
        width: Factor of the number of filters, rounded down: 1 to 4 in the paper.
        normalization: "group" as in the paper, or "batch" for files.
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        drop_connect_rate: Probability with which training skips the last block for an image, in
            [0, 1); it grows linearly from 0 at the first block.
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics of "batch"; None is 0.9.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.

    Example:
        >>> BiTR50x1(include_top=False, pooling="avg").count_params()
        23500352

    Reference:
        Big Transfer (BiT): General Visual Representation Learning, arXiv:1912.11370, section 3.1;
        steps of blocks as in the authors' repository.
    """
    check_positive("width", width)
    check_choice("normalization", normalization, _NORMALIZATIONS)
    check_rate("drop_connect_rate", drop_connect_rate)
    named: ClassifierOptions = {**options, "name": options.get("name") or "bit"}
    build = options_of("bit_r50x1", input_shape, named)
    style = ConvStyle(
        "relu", 0.9, "he_normal", 1e-5, normalization=normalization, standardized=True
    )
    style = restyled(style, activation, batch_norm_momentum)
    x = image = make_input(build)
    x, padding = pad_around(x, 7, 2, STEM)
    conv = style.convolution(
        scaled(64, width),
        7,
        2,
        padding,
        use_bias=False,
        kernel_initializer=style.kernel_initializer,
        name=f"{STEM}_conv",
    )
    # What is pooled is not activated yet, so that zeros around it count.
    x = keras.layers.ZeroPadding2D(1, name=f"{STEM}_pool_pad")(conv(x))
    x = keras.layers.MaxPooling2D(3, 2, name=f"{STEM}_pool")(x)
    for block in blocks(rows, stem_stride=4):
        filters = scaled(block.row.filters, width)
        residual = residual_of(block, filters, x.shape[-1], drop_connect_rate)
        x = preactivated_bottleneck(
            x, residual, scaled(block.row.width, width), Preactivation(style)
        )
    x = activate(normalize(x, style, f"{TOP}_bn"), activation, f"{TOP}_activation")
    return finish(x, image, build, Head(dropout_rate), _UNAVAILABLE)


BiTR50x1 = published(BiT, "bit_r50x1", "a BiT of 50 layers", rows=RESNET50, width=1)
BiTR50x3 = published(BiT, "bit_r50x3", "a BiT of 50 layers, thrice as wide", rows=RESNET50, width=3)
BiTR101x1 = published(BiT, "bit_r101x1", "a BiT of 101 layers", rows=RESNET101, width=1)
BiTR101x3 = published(
    BiT, "bit_r101x3", "a BiT of 101 layers, thrice as wide", rows=RESNET101, width=3
)
BiTR152x2 = published(
    BiT, "bit_r152x2", "a BiT of 152 layers, twice as wide", rows=RESNET152, width=2
)
BiTR152x4 = published(
    BiT, "bit_r152x4", "a BiT of 152 layers, 4 times as wide", rows=RESNET152, width=4
)
