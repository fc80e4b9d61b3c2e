"""U-Net: an encoder and a decoder that meet at each size, of its own or on any backbone."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor

from keras_cv_course._validation import (
    check_at_most,
    check_choice,
    check_rate,
    check_whole,
    suggest_keywords,
)
from keras_cv_course.blocks.convolution import ConvStyle, conv_activation, conv_bn_activation
from keras_cv_course.names import LOGITS
from keras_cv_course.networks.feature_maps import feature_maps
from keras_cv_course.segmenters._build import (
    InputShape,
    check_classes,
    decoder_style,
    enlarged,
    finish_segmenter,
    make_input,
    open_backbone,
)

_UPSAMPLING = ("transposed", "bilinear")
_MOST_LEVELS = 6
_OWN = {"filters": 64, "levels": 4, "padding": "valid", "upsampling": "transposed"}
_LOST = 4  # pixels of a side that two 3x3 convolutions without padding take
_BACKBONE_FILTERS = (96, 64, 48)


@suggest_keywords
def UNet(
    backbone: "str | keras.Model | None" = None,
    classes: int = 2,
    input_shape: InputShape = (572, 572, 1),
    filters: int = 64,
    levels: int = 4,
    padding: str = "valid",
    upsampling: str = "transposed",
    batch_norm: bool = False,
    decoder_filters: Sequence[int] = _BACKBONE_FILTERS,
    dropout_rate: float = 0.0,
    batch_norm_momentum: float | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
) -> keras.Model:
    """Returns a U-Net that gives logits for each class and pixel.

    Without a backbone it is the paper's, for images as floats in [0, 1]: two 3x3 convolutions at
    each of five sizes, and what the encoder found is put beside the decoder's maps. With the
    defaults 31,030,658 parameters make 388x388 logits of 572x572 pixels, as padding is "valid";
    "same" gives logits for all pixels.

    On a backbone, for images as that takes them, its feature maps of stride 16, 8 and so on are put
    beside maps that are enlarged bilinearly; 3x3 convolutions with batch normalization follow, and
    the last map is enlarged to the size of the image.

    Nothing is activated right behind a transposed convolution, and nothing is enlarged by
    repetition: an int8 file is one XNNPACK partition.

    Args:
        backbone: A classifier's name in the registry, a model without its classifier, or None.
        classes: Number of classes, the background included; at most 255.
        input_shape: (height, width, channels), multiples of 32 on a backbone. Height and width may
            be None with "same" padding; images are multiples of 2**levels then.
        filters: Channels of the first size; each next one has twice as many.
        levels: How often the size is halved, 1 to 6.
        padding: "valid", which makes maps smaller with each convolution, or "same".
        upsampling: "transposed" convolutions of 2x2, or "bilinear" and a 1x1 convolution.
        batch_norm: Whether convolutions are normalized, without a backbone.
        decoder_filters: Channels of the decoder on a backbone, from stride 16 on; one to four.
        dropout_rate: Share of the coarsest map that training sets to zero, in [0, 1).
        batch_norm_momentum: Weight of the past in the moving statistics; None is 0.99, and the
            family's own for a backbone that is built here.
        classifier_activation: "softmax" for probabilities, None for logits.
        name: Name of the model; "unet" when None.

    Returns:
        A model with one output, float32 (batch, height, width, classes).

    Raises:
        ValueError: If an argument is out of range or contradicts another, or the size of the input
            does not fit.
        TypeError: If `backbone` is neither a name nor a model.

    Example:
        >>> UNet(input_shape=(128, 128, 3), padding="same", batch_norm=True).output_shape
        (None, 128, 128, 2)
        >>> UNet("mobilenet_v2", classes=11, input_shape=(192, 256, 3)).output_shape
        (None, 192, 256, 11)

    Reference:
        "U-Net: Convolutional Networks for Biomedical Image Segmentation", arXiv:1505.04597, section
        2 and figure 1.
    """
    check_classes(classes)
    check_rate("dropout_rate", dropout_rate)
    style = decoder_style(batch_norm_momentum)
    if backbone is None:
        check_whole("filters", filters)
        check_at_most("levels", levels, _MOST_LEVELS)
        check_choice("padding", padding, ("valid", "same"))
        check_choice("upsampling", upsampling, _UPSAMPLING)
        if padding == "valid":
            _check_room(input_shape, levels)
        image = make_input("unet", input_shape, 2**levels if padding == "same" else 1)
        parts = _Parts(style, padding, upsampling, batch_norm)
        x = _own(image, parts, filters, levels, dropout_rate)
        logits = keras.layers.Conv2D(classes, 1, name=LOGITS)(x)
        return finish_segmenter(image, logits, classifier_activation, name or "unet")
    _check_own({"filters": filters, "levels": levels, "upsampling": upsampling})
    shape = (224, 224, 3) if input_shape == (572, 572, 1) else input_shape
    body = open_backbone(backbone, shape, batch_norm_momentum)
    x = _on_backbone(body, style, decoder_filters, dropout_rate)
    scores = keras.layers.Conv2D(classes, 1, name="score_conv")(x)
    logits = enlarged(scores, 2 ** (5 - len(decoder_filters)))
    return finish_segmenter(body.input, logits, classifier_activation, name or "unet")


class _Parts:
    """Makes the parts of the paper's network."""

    def __init__(self, style: ConvStyle, padding: str, upsampling: str, batch_norm: bool) -> None:
        self._style = style
        self._padding = padding
        self._upsampling = upsampling
        self._convolve = conv_bn_activation if batch_norm else conv_activation

    def two_convs(self, x: KerasTensor, filters: int, name: str) -> KerasTensor:
        """Returns two 3x3 convolutions of `x`."""
        for i in (1, 2):
            x = self._convolve(x, filters, 3, self._style, f"{name}_{i}", padding=self._padding)
        return x

    def enlarged(self, x: KerasTensor, filters: int, name: str) -> KerasTensor:
        """Returns `x` of twice the size."""
        if self._upsampling == "transposed":
            return keras.layers.Conv2DTranspose(
                filters, 2, 2, kernel_initializer="he_normal", name=f"{name}_conv"
            )(x)
        x = enlarged(x, 2, f"{name}_resize")
        return keras.layers.Conv2D(filters, 1, name=f"{name}_conv")(x)


def _own(
    x: KerasTensor, parts: _Parts, filters: int, levels: int, dropout_rate: float
) -> KerasTensor:
    skips = []
    for level in range(1, levels + 1):
        x = parts.two_convs(x, filters * 2 ** (level - 1), f"encoder{level}")
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, name=f"encoder{level}_pool")(x)
    x = parts.two_convs(x, filters * 2**levels, "bottom")
    x = _dropped(x, dropout_rate)
    for level in range(levels, 0, -1):
        name, width = f"decoder{level}", filters * 2 ** (level - 1)
        x = parts.enlarged(x, width, f"{name}_up")
        skip = _cropped(skips[level - 1], x, f"{name}_crop")
        x = keras.layers.Concatenate(name=f"{name}_concat")([skip, x])
        x = parts.two_convs(x, width, name)
    return x


def _cropped(skip: KerasTensor, x: KerasTensor, name: str) -> KerasTensor:
    """Returns the middle of an encoder's map, as large as the decoder's."""
    sizes = list(zip(skip.shape[1:3], x.shape[1:3], strict=True))
    if all(whole is None or whole == part for whole, part in sizes):
        return skip
    borders = [((whole - part) // 2, whole - part - (whole - part) // 2) for whole, part in sizes]
    return keras.layers.Cropping2D(borders, name=name)(skip)


def _check_room(input_shape: InputShape, levels: int) -> None:
    """Refuses sizes of which convolutions without padding leave nothing."""
    sides = input_shape[:2]
    if None in sides:
        raise ValueError(
            "`input_shape` must be known where `padding` is 'valid', as maps are cropped to meet. "
            f"Received: {input_shape}. Use padding='same'."
        )
    left = [side - _LOST for side in sides if side is not None]
    for _ in range(levels):
        left = [side // 2 - _LOST for side in left]
    for _ in range(levels):
        left = [2 * side - _LOST for side in left]
    if min(left) < 1:
        raise ValueError(
            "`input_shape` is too small for convolutions without padding: they leave nothing of "
            f"it. Received: {input_shape} with levels={levels}. Use padding='same', a larger image "
            "or fewer levels."
        )


def _on_backbone(
    body: keras.Model, style: ConvStyle, decoder_filters: Sequence[int], dropout_rate: float
) -> KerasTensor:
    if not 1 <= len(decoder_filters) <= 4:
        raise ValueError(
            f"`decoder_filters` must be one to four. Received: {tuple(decoder_filters)}."
        )
    levels = [f"P{4 - i}" for i in range(len(decoder_filters))]
    maps = feature_maps(body, ("P5", *levels)).output
    x = _dropped(maps["P5"], dropout_rate)
    for level, width in zip(levels, decoder_filters, strict=True):
        check_whole("decoder_filters", width)
        x = enlarged(x, 2, f"decoder_{level}_resize")
        x = keras.layers.Concatenate(name=f"decoder_{level}_concat")([x, maps[level]])
        x = conv_bn_activation(x, width, 3, style, f"decoder_{level}")
    return x


def _dropped(x: KerasTensor, rate: float) -> KerasTensor:
    return keras.layers.Dropout(rate, name="bottom_dropout")(x) if rate > 0 else x


def _check_own(given: dict[str, Any]) -> None:
    """Refuses what is of a network without backbone."""
    for argument, value in given.items():
        if value != _OWN[argument]:
            raise ValueError(
                f"`{argument}` is of a U-Net without backbone. Received: {value!r} with one. Leave "
                "it out; `decoder_filters` are the decoder's."
            )
