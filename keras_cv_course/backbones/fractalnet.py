"""FractalNet: deep without residuals, by columns of several depths that are trained together."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_rate, check_whole
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._residual import TORCH_STYLE, restyled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.fractal import Fractal, fractal_block
from keras_cv_course.blocks.stem_normalization import (
    CIFAR_DEVIATION,
    CIFAR_MEAN,
    stem_normalization,
)
from keras_cv_course.names import block_name

# Section 4.1, arXiv:1605.07648: channels of the blocks.
FRACTALNET = (64, 128, 256, 512, 512)

_MOST_COLUMNS = 8
_UNAVAILABLE = ImageNet(unavailable="keras.applications has no FractalNet.")


@classifier_builder
def FractalNet(
    input_shape: tuple[int | None, ...] | None = None,
    filters: tuple[int, ...] = FRACTALNET,
    columns: int = 3,
    drop_path_rate: float = 0.15,
    global_share: float = 0.5,
    dropout_rate: float = 0.0,
    activation: str = "relu",
    batch_norm_momentum: float | None = None,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a FractalNet for images of CIFAR's size, as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of CIFAR-10 is subtracted, and its deviation divided by.
    Feature maps have strides 1 to 16; height and width are at least 16.

    Args:
        input_shape: (height, width, channels). (32, 32, 3) when None, and of free size when
            `include_top` is False. Any number of channels.
        filters: Channels of each block; between two, the size is halved by max pooling.
        columns: Number of columns, the paper's C: a block has `2 ** columns - 1` convolutions, and
            the network `len(filters) * 2 ** (columns - 1)` one behind the other. At most 8.
        drop_path_rate: Probability with which training drops an input of a join, in [0, 1); 0
            leaves drop-path out.
        global_share: Share of the images for which training draws one column of the whole network
            instead, in [0, 1].
        dropout_rate: Share of the pooled features that training sets to zero, in [0, 1).
        activation: "relu" as in the paper, or e.g. "relu6".
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.9.
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.

    Example:
        >>> FractalNet(filters=(16, 32), columns=2, classes=10).output_shape
        (None, 10)

    Reference:
        FractalNet: Ultra-Deep Neural Networks without Residuals, arXiv:1605.07648, sections 2 and
        3. The paper's dropout inside of blocks is left out.
    """
    check_whole("columns", columns)
    if columns > _MOST_COLUMNS:
        raise ValueError(f"`columns` must be at most {_MOST_COLUMNS}. Received: {columns}.")
    check_rate("drop_path_rate", drop_path_rate)
    build = options_of("fractalnet", input_shape, options)
    style = restyled(TORCH_STYLE, activation, batch_norm_momentum)
    fractal = Fractal(columns, drop_path_rate, global_share)
    image = make_input(build)
    x = stem_normalization(image, CIFAR_MEAN, CIFAR_DEVIATION)
    for s, channels in enumerate(filters, 1):
        name = block_name(s, 1)
        if s > 1:
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(x)
        x = fractal_block(x, channels, fractal, style, name)
    return finish(x, image, build, Head(dropout_rate), _UNAVAILABLE)
