"""AlexNet, of 2012 with two groups of channels, and as a single tower."""

from typing import Unpack

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_positive
from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import ClassifierOptions, classifier_builder, options_of
from keras_cv_course.backbones._published import published
from keras_cv_course.backbones._residual import scaled
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.backbones.rows import AlexNetRow
from keras_cv_course.blocks.convolution import activate
from keras_cv_course.blocks.stem_normalization import IMAGENET_MEAN, stem_normalization
from keras_cv_course.layers.grouped_convolution import GroupedConv2D
from keras_cv_course.names import block_name

# Figure 2, Krizhevsky 2012: two towers, which are groups of channels here.
ALEXNET = (
    AlexNetRow(96, 11, strides=4, pooled=True),
    AlexNetRow(256, 5, groups=2, pooled=True),
    AlexNetRow(384, 3),
    AlexNetRow(384, 3, groups=2),
    AlexNetRow(256, 3, groups=2, pooled=True),
)
# Section 2 of arXiv:1404.5997, with the filters of torchvision.
ALEXNET_SINGLE_TOWER = (
    AlexNetRow(64, 11, strides=4, pooled=True),
    AlexNetRow(192, 5, pooled=True),
    AlexNetRow(384, 3),
    AlexNetRow(256, 3),
    AlexNetRow(256, 3, pooled=True),
)

_HIDDEN_FILTERS = (4096, 4096)
_INITIALIZER = "he_normal"


@classifier_builder
def AlexNet(
    input_shape: tuple[int | None, ...] | None = None,
    rows: tuple[AlexNetRow, ...] = ALEXNET,
    alpha: float = 1.0,
    dropout_rate: float = 0.5,
    activation: str = "relu",
    **options: Unpack[ClassifierOptions],
) -> keras.Model:
    """Returns an AlexNet, for images of 227 pixels by default, as pixel values in [0, 255], RGB.

    Preprocessing is inside: the mean of ImageNet is subtracted. 60,965,224 parameters. The paper's
    local response normalization is left out: integer kernels have nothing for it, and VGG's authors
    saw no gain of it (arXiv:1409.1556, section 4). The first convolution has no padding: 227 pixels
    give 55 rows and columns, as 224 do with 2 zeros on all sides. Height and width are at least 67.

    Args:
        input_shape: (height, width, channels). (227, 227, 3) when None, and of free size when
            `include_top` is False. The classifier's weights depend on the size. Any number of
            channels with `weights=None`.
        rows: The convolutions, e.g. `ALEXNET` or `ALEXNET_SINGLE_TOWER`.
        alpha: Factor of all numbers of channels, those of the classifier's hidden layers too;
            rounded down to as many for each group.
        dropout_rate: Share of the hidden values that training sets to zero, in [0, 1).
        activation: "relu" as in the paper, or e.g. "relu6".
        **options: What all classifiers take, see `ClassifierOptions`.

    Raises:
        ValueError: If an argument is out of range or contradicts another, or weights do not fit.
        TypeError: If `input_tensor` is not a Keras tensor.
        OSError: If weights cannot be found.

    Example:
        >>> model = AlexNet(input_shape=(67, 67, 3), alpha=0.125, classes=10)
        >>> model.output_shape
        (None, 10)

    Reference:
        ImageNet Classification with Deep Convolutional Neural Networks, Krizhevsky, Sutskever and
        Hinton, 2012, sections 3.5 and 4.2.
    """
    check_positive("alpha", alpha)
    named: ClassifierOptions = {**options, "name": options.get("name") or "alexnet"}
    build = options_of("alexnet", input_shape, named)
    image = make_input(build)
    x = stem_normalization(image, IMAGENET_MEAN)
    towers = max(row.groups for row in rows)
    for s, row in enumerate(rows, 1):
        filters = scaled(row.filters, alpha, towers)
        for b in range(1, row.repeats + 1):
            strides = row.strides if b == 1 else 1
            x = _convolution(x, row, filters, strides, activation, block_name(s, b))
        if row.pooled:
            x = keras.layers.MaxPooling2D(3, 2, name=f"{block_name(s, row.repeats)}_pool")(x)
    hidden = tuple(scaled(filters, alpha) for filters in _HIDDEN_FILTERS)
    head = Head(dropout_rate, hidden, activation, _INITIALIZER)
    return finish(x, image, build, head, ImageNet(unavailable="keras.applications has no AlexNet."))


def _convolution(
    x: KerasTensor, row: AlexNetRow, filters: int, strides: int, activation: str, name: str
) -> KerasTensor:
    kind, grouped = keras.layers.Conv2D, {}
    if row.groups > 1:
        kind, grouped = GroupedConv2D, {"groups": row.groups}
    x = kind(
        filters,
        row.kernel_size,
        strides=strides,
        padding="valid" if strides > 1 else "same",
        dilation_rate=row.dilation,
        kernel_initializer=_INITIALIZER,
        name=f"{name}_conv",
        **grouped,
    )(x)
    return activate(x, activation, f"{name}_activation")


AlexNetSingleTower = published(
    AlexNet,
    "alexnet_single_tower",
    "an AlexNet without groups, of 61,100,840 parameters",
    rows=ALEXNET_SINGLE_TOWER,
)
