"""LeNet-5, the small network of convolutions and dense layers for digits."""

from typing import Unpack

import keras

from keras_cv_course._validation import check_choice
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import ConvRow
from keras_cv_course.blocks.convolution import ConvStyle, conv_activation
from keras_cv_course.names import block_name

# Figure 2, LeCun 1998: C1 and C3, each before a subsampling by 2.
LENET5 = (ConvRow(6, kernel_size=5), ConvRow(16, kernel_size=5))

_HIDDEN_FILTERS = (120, 84)  # C5, which reads all of a 5x5 map, and F6
_POOLS = {"avg": keras.layers.AveragePooling2D, "max": keras.layers.MaxPooling2D}


@classifier_builder
def LeNet5(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[ConvRow, ...] = LENET5,
    subsampling: str = "avg",
    activation: str = "tanh",
    dropout_rate: float = 0.0,
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns a LeNet-5, for images of 32x32 as floats in [-1, 1].

    It has the layers of the paper as they are built today: each map of C3 reads all maps of S2,
    subsampling has no weights, and the classifier is a dense layer. 61,706 parameters and 416,520
    multiply-adds for 10 classes of gray images; the network of 1998 has 60,000, as its C3 is
    sparse, its subsampling trainable and its output fixed codes. Height and width are at least 16.

    Args:
        input_shape: (height, width, channels). (32, 32, 3) when None, and of free size when
            `include_top` is False; digits are (32, 32, 1). The classifier's weights depend on the
            size.
        rows: The convolutions, each followed by subsampling by 2.
        subsampling: "avg" as in the paper, or "max".
        activation: "tanh" as in the paper, "sigmoid" or e.g. "relu".
        dropout_rate: Share of the hidden values that training sets to zero, in [0, 1).
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found.

    Example:
        >>> LeNet5(input_shape=(32, 32, 1), classes=10).count_params()
        61706

    Reference:
        Gradient-Based Learning Applied to Document Recognition, LeCun, Bottou, Bengio and Haffner,
        1998, figure 2 and section II.B. The hyperbolic tangent is not scaled here.
    """
    check_choice("subsampling", subsampling, tuple(_POOLS))
    build = options_of("lenet5", input_shape, options)
    x = image = make_input(build)
    style = ConvStyle(activation)
    for s, row in enumerate(rows, 1):
        for b in range(1, row.repeats + 1):
            name = block_name(s, b)
            x = conv_activation(x, row.filters, row.kernel_size, style, name, padding="valid")
        x = _POOLS[subsampling](2, name=f"{block_name(s, row.repeats)}_pool")(x)
    head = Head(dropout_rate, _HIDDEN_FILTERS, activation)
    return finish(x, image, build, head, ImageNet(unavailable="There are none of LeNet-5."))
